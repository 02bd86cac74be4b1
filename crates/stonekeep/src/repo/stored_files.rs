//! The files in some directories of a repository: their paths, kinds and sizes.

use std::collections::BTreeMap;
use std::sync::Arc;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{MetaFile, PathId, PathTable};
use stonekeep_format::backup_name::RepoPath;

use super::known_files::KnownFiles;
use super::layout;
use super::path_set::PathSet;
use crate::Result;
use crate::parallel::run_bounded;
use crate::store::{Detail, Entry, EntryKind, Key, Store, Uploads};

/// Up to this number, private files are looked at one by one instead of listing their directory.
const FEW_FILES: usize = 16;

/// What a listing says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Its size; `None` if it is not a regular file and was not listed.
    pub size_bytes: Option<u64>,
}

impl StoredEntry {
    /// A regular file of this size.
    pub fn file(size_bytes: u64) -> Self {
        StoredEntry {
            kind: EntryKind::File,
            size_bytes: Some(size_bytes),
        }
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct StoredFiles {
    paths: PathTable,
    /// By the id of the path.
    entries: Vec<StoredEntry>,
    /// Regular files of the size in their names.
    plain: PathSet,
    /// Entries with names that no meta file can have, each with its directory.
    foreign: Vec<(Key, Entry)>,
}

impl StoredFiles {
    /// Lists these directories.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn list(store: &Store, directories: &[Key]) -> Result<Self> {
        let (mut files, mut path) = (StoredFiles::default(), String::new());
        for directory in directories {
            store.visit(Some(directory), Detail::Sizes, &mut |entry| {
                path.clear();
                path.extend([directory.as_str(), "/", &entry.name]);
                match RepoPath::parse(&path) {
                    Some(parsed) => {
                        let (kind, size_bytes) = (entry.kind, Some(entry.size_bytes));
                        files.add(&path, &parsed, StoredEntry { kind, size_bytes });
                    }
                    None => files.foreign.push((directory.clone(), entry)),
                }
            })?;
        }
        files.paths.shrink_to_fit();
        files.entries.shrink_to_fit();
        Ok(files)
    }

    /// Lists the files below `private/`, and what is directly in it, if the store lists that at once.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn all_private(store: &Store) -> Result<Option<(PrivateFiles, Vec<Entry>)>> {
        let (mut files, mut entries) = (StoredFiles::default(), BTreeMap::new());
        let directory = layout::private_directory();
        let is_listed = store.visit_below(&directory, &mut |key, stat| {
            let below = key
                .as_str()
                .get(directory.as_str().len() + 1..)
                .unwrap_or_default();
            let (name, kind, size_bytes) = match below.split_once('/') {
                Some((name, _)) => (name, EntryKind::Directory, 0),
                None => (below, EntryKind::File, stat.size_bytes),
            };
            entries.entry(name.to_owned()).or_insert_with(|| Entry {
                name: name.to_owned(),
                kind,
                size_bytes,
                modified: stat.modified.filter(|_| kind == EntryKind::File),
            });
            if let Some(path) = RepoPath::parse(key.as_str()) {
                files.add(key.as_str(), &path, StoredEntry::file(stat.size_bytes));
            }
        })?;
        let entries = entries.into_values().collect();
        Ok(is_listed.then(|| (PrivateFiles(Arc::new(files)), entries)))
    }

    /// Looks at each of these files, so many at a time, where nothing can be listed.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(crate) fn looked_at<'a>(
        store: &Store,
        workers: usize,
        files: impl Iterator<Item = &'a MetaFile>,
    ) -> Result<Self> {
        let stats = run_bounded(workers, files.collect(), |file| {
            Ok((file, store.stat(&layout::file(&file.path)?)?))
        })?;
        let mut found = StoredFiles::default();
        for (file, stat) in stats {
            if let Some(stat) = stat {
                let entry = StoredEntry::file(stat.size_bytes);
                found.add(&file.path.to_string(), &file.path, entry);
            }
        }
        Ok(found)
    }

    /// The paths.
    pub fn paths(&self) -> &PathTable {
        &self.paths
    }

    /// The files as a reader of meta files knows them. Plain are regular files of the size in their names.
    pub fn known(&self) -> KnownFiles<'_> {
        KnownFiles {
            paths: &self.paths,
            plain: Some(&self.plain),
        }
    }

    /// Entries with names that no meta file can have, each with its directory.
    pub fn foreign(&self) -> &[(Key, Entry)] {
        &self.foreign
    }

    /// What is stored under this path: `None` if there is nothing.
    pub fn get(&self, path: &RepoPath) -> Option<StoredEntry> {
        self.entry(self.find(path)?)
    }

    /// The same where the private files of the backup are apart.
    pub fn get_of_backup(&self, path: &RepoPath, private: &PrivateFiles) -> Option<StoredEntry> {
        match path {
            RepoPath::Private(_) => private.get(path),
            RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => self.get(path),
        }
    }

    /// The id of this path: `None` if there is nothing.
    pub fn find(&self, path: &RepoPath) -> Option<PathId> {
        self.paths.find_path(path)
    }

    /// What is stored under the path of this id.
    pub fn entry(&self, id: PathId) -> Option<StoredEntry> {
        self.entries.get(id.index()).copied()
    }

    fn add(&mut self, text: &str, path: &RepoPath, entry: StoredEntry) {
        let id = self.paths.insert_text(text.as_bytes(), Some(path));
        if path.size_bytes().map(StoredEntry::file) == Some(entry) {
            self.plain.insert(id);
        }
        // A directory that changes while it is listed may give a name twice.
        match self.entries.get_mut(id.index()) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }
}

/// The stored private files of a backup, or of all of them.
#[derive(Debug, Clone)]
pub struct PrivateFiles(Arc<StoredFiles>);

impl PrivateFiles {
    /// Those of all backups, where they are listed; else looks at each file if there are few and a look is cheap, else at their
    /// directory.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look(store: &Store, all: Option<&PrivateFiles>, id: BackupId, files: &[MetaFile]) -> Result<Self> {
        if let Some(all) = all {
            return Ok(all.clone());
        }
        let private = || files.iter().filter(|file| file.path.shared_name().is_none());
        let traits = store.traits();
        let is_cheap = traits.uploads == Uploads::Resumable && private().count() <= FEW_FILES;
        let few = || is_cheap.then(|| look_at_each(store, private())).flatten();
        let files = if !traits.lists {
            StoredFiles::looked_at(store, 1, private())?
        } else if let Some(few) = few() {
            few
        } else {
            StoredFiles::list(store, &[layout::private(id)])?
        };
        Ok(PrivateFiles(Arc::new(files)))
    }

    /// The files.
    pub(super) fn files(&self) -> Arc<StoredFiles> {
        Arc::clone(&self.0)
    }

    /// What is stored under this path: `None` if there is nothing, or it is not one of the files.
    pub fn get(&self, path: &RepoPath) -> Option<StoredEntry> {
        self.0.get(path)
    }
}

/// `None` if any of them cannot be looked at, or is no regular file.
fn look_at_each<'a>(store: &Store, files: impl Iterator<Item = &'a MetaFile>) -> Option<StoredFiles> {
    let mut found = StoredFiles::default();
    for file in files {
        if let Some(stat) = store.stat(&layout::file(&file.path).ok()?).ok()? {
            found.add(
                &file.path.to_string(),
                &file.path,
                StoredEntry::file(stat.size_bytes),
            );
        }
    }
    Some(found)
}
