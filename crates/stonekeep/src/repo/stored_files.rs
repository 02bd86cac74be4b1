//! The files in some directories of a repository: their paths, kinds and sizes.

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;

use super::layout;
use super::path_table::PathTable;
use crate::Result;
use crate::store::{Detail, EntryKind, Key, Store};

/// A backup has few private files; so many are looked at one by one instead of listing their directory.
const FEW_FILES: usize = 16;

/// What a listing says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Its size; `None` where only names were listed.
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
    /// By the number of the path.
    found: Vec<StoredEntry>,
}

impl StoredFiles {
    /// Lists these directories.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn list(store: &Store, directories: &[Key], detail: Detail) -> Result<Self> {
        let (mut files, mut path) = (StoredFiles::default(), String::new());
        for directory in directories {
            store.visit(Some(directory), detail, &mut |entry| {
                path.clear();
                path.extend([directory.as_str(), "/", &entry.name]);
                let size_bytes = (detail == Detail::Sizes).then_some(entry.size_bytes);
                let kind = entry.kind;
                files.add(&path, StoredEntry { kind, size_bytes });
            })?;
        }
        Ok(files)
    }

    /// What is stored under this path: `None` if there is nothing.
    pub fn get(&self, path: &RepoPath) -> Option<StoredEntry> {
        let number = self.paths.find(path.to_string().as_bytes())?;
        self.found.get(number).copied()
    }

    /// Their paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.paths.len()).map(|number| self.paths.at(number))
    }

    fn add(&mut self, path: &str, found: StoredEntry) {
        // A directory that changes while it is listed may give a name twice.
        let number = self.paths.find(path.as_bytes());
        match number.and_then(|number| self.found.get_mut(number)) {
            Some(known) => *known = found,
            None => {
                self.paths.push(path.as_bytes());
                self.found.push(found);
            }
        }
    }
}

/// What stands in the places of those of these files that a backup has for itself.
#[derive(Debug)]
pub struct PrivateFiles(StoredFiles);

impl PrivateFiles {
    /// Looks at each file if there are few, else at their directory.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look(store: &Store, id: BackupId, files: &[MetaFile]) -> Result<Self> {
        let private = || files.iter().filter(|file| file.path.shared_name().is_none());
        let few = match private().count() {
            0..=FEW_FILES => look_at_each(store, private()),
            _ => None,
        };
        let files = few.map_or_else(
            || StoredFiles::list(store, &[layout::private(id)], Detail::Sizes),
            Ok,
        );
        files.map(PrivateFiles)
    }

    /// What stands under this path: `None` if nothing does, or it is not one of the files.
    pub fn get(&self, path: &RepoPath) -> Option<StoredEntry> {
        self.0.get(path)
    }
}

/// `None` if any of them cannot be looked at, or is no regular file.
fn look_at_each<'a>(store: &Store, files: impl Iterator<Item = &'a MetaFile>) -> Option<StoredFiles> {
    let mut found = StoredFiles::default();
    for file in files {
        if let Some(stat) = store.stat(&layout::file(&file.path).ok()?).ok()? {
            found.add(&file.path.to_string(), StoredEntry::file(stat.size_bytes));
        }
    }
    Some(found)
}
