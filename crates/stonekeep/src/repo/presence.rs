//! Whether the files that a backup names are there, with the sizes that are known: one listing a directory.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;

use super::catalog::LoadedMeta;
use super::facts::BackupFacts;
use super::names::Names;
use super::path_table::PathTable;
use super::{described, layout};
use crate::parallel::run_both;
use crate::store::{EntryKind, Key, Store};
use crate::{Error, ErrorKind, Finding, Result};

/// So many files are sooner looked at than the directory with everything in it.
const FEW_FILES: usize = 16;

/// What stands in directories of a repository.
#[derive(Debug, Default)]
struct Files {
    paths: PathTable,
    found: Vec<(EntryKind, u64)>,
}

impl Files {
    fn add(&mut self, path: &str, found: (EntryKind, u64)) {
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

    fn get(&self, path: &str) -> Option<(EntryKind, u64)> {
        let number = self.paths.find(path.as_bytes())?;
        self.found.get(number).copied()
    }
}

/// The directories of a repository as they were when each was first asked for.
#[derive(Debug)]
pub struct Presence<'a> {
    store: &'a dyn Store,
    shared: Option<Files>,
    private: HashMap<BackupId, Files>,
    /// The path that was asked for last.
    text: String,
}

impl<'a> Presence<'a> {
    /// Nothing is listed yet.
    pub fn new(store: &'a dyn Store) -> Self {
        Presence {
            store,
            shared: None,
            private: HashMap::new(),
            text: String::new(),
        }
    }

    /// Forgets what was seen, for a last look.
    pub fn forget(&mut self) {
        self.shared = None;
        self.private.clear();
    }

    /// Forgets a backup's own directory, to keep memory flat over many backups.
    pub fn forget_private(&mut self, id: BackupId) {
        self.private.remove(&id);
    }

    /// Lists what backups share on a second thread while `work` is done, unless that is known. The files of a backup that
    /// is known to be there before are in it. An error of listing comes when something is looked for.
    pub fn while_listing<R>(&mut self, work: impl FnOnce() -> R) -> R {
        if self.shared.is_some() {
            return work();
        }
        let store = self.store;
        let (done, listed) = run_both(2, work, || list_shared(store));
        self.shared = listed.ok();
        done
    }

    /// What stands under this path: `None` if nothing does.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get(&mut self, path: &RepoPath) -> Result<Option<(EntryKind, u64)>> {
        let files = match path {
            RepoPath::Private(name) => {
                let id = name.backup();
                if !self.private.contains_key(&id) {
                    let files = list(self.store, &[layout::private(id)])?;
                    self.private.insert(id, files);
                }
                self.private.get(&id)
            }
            _ => {
                if self.shared.is_none() {
                    self.shared = Some(list_shared(self.store)?);
                }
                self.shared.as_ref()
            }
        };
        self.text.clear();
        let spelt = write!(self.text, "{path}").is_ok();
        Ok(files.filter(|_| spelt).and_then(|files| files.get(&self.text)))
    }

    /// Everything that is wrong with the files that this backup names. Excluded files are not looked for.
    ///
    /// # Errors
    /// I/O errors of the store; what is wrong with the backup is a finding.
    pub fn check(&mut self, loaded: &LoadedMeta, facts: Option<&BackupFacts>) -> Result<Vec<Finding>> {
        let sizes = Sizes::read(self.store, loaded, facts)?;
        let findings = findings(&loaded.meta.files, &sizes, |path| self.get(path))?;
        // A backup's private directory is listed once, and its listing is of no use to the next one.
        self.forget_private(loaded.id);
        Ok(findings)
    }
}

/// Everything that is wrong with files of a backup, given what is found in their places. Excluded files are not looked for.
///
/// # Errors
/// Those of `find`.
pub fn findings(
    files: &[MetaFile],
    sizes: &Sizes<'_>,
    mut find: impl FnMut(&RepoPath) -> Result<Option<(EntryKind, u64)>>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.excluded) {
        if let Some(wrong) = Wrong::of(find(&file.path)?, sizes.expected(file)) {
            findings.push(Finding {
                file: file.path.to_string(),
                reason: wrong.to_string(),
            });
        }
    }
    Ok(findings)
}

/// What stands in the places of those of these files that a backup has for itself.
#[derive(Debug)]
pub struct PrivateFiles(Files);

impl PrivateFiles {
    /// Looks at each file if there are few, else at their directory.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look(store: &dyn Store, id: BackupId, files: &[MetaFile]) -> Result<Self> {
        let private = || files.iter().filter(|file| file.path.shared_name().is_none());
        let few = match private().count() {
            0..=FEW_FILES => look_at_each(store, private()),
            _ => None,
        };
        let files = few.map_or_else(|| list(store, &[layout::private(id)]), Ok);
        files.map(PrivateFiles)
    }

    /// What stands under this path: `None` if nothing does, or it is not one of the files.
    pub fn get(&self, path: &RepoPath) -> Option<(EntryKind, u64)> {
        self.0.get(&path.to_string())
    }
}

/// What stands under this path: `None` if nothing does.
pub fn find(names: &Names, private: &PrivateFiles, path: &RepoPath) -> Option<(EntryKind, u64)> {
    match path {
        RepoPath::Private(_) => private.get(path),
        RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => {
            names.found(names.find(path.to_string().as_bytes())?)
        }
    }
}

/// `None` if any of them cannot be looked at, or is no regular file.
fn look_at_each<'a>(store: &dyn Store, files: impl Iterator<Item = &'a MetaFile>) -> Option<Files> {
    let mut found = Files::default();
    for file in files {
        if let Some(stat) = store.stat(&layout::file(&file.path).ok()?).ok()? {
            found.add(&file.path.to_string(), (EntryKind::File, stat.size_bytes));
        }
    }
    Some(found)
}

fn list_shared(store: &dyn Store) -> Result<Files> {
    list(
        store,
        &[layout::shared_directory(), layout::shared_checksum_directory()],
    )
}

fn list(store: &dyn Store, directories: &[Key]) -> Result<Files> {
    let (mut files, mut path) = (Files::default(), String::new());
    for directory in directories {
        store.visit(directory, &mut |entry| {
            path.clear();
            path.extend([directory.as_str(), "/", &entry.name]);
            files.add(&path, (entry.kind, entry.size_bytes));
        })?;
    }
    Ok(files)
}

/// What is wrong with what stands in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing stands there.
    Missing,
    /// A directory, a link or a device stands there.
    NoFile,
    /// The file has another length.
    Size {
        /// The one that it has.
        found: u64,
        /// The one that is recorded.
        expected: u64,
    },
}

impl Wrong {
    /// `None` if the right thing stands there, as far as it is known what that is.
    pub fn of(found: Option<(EntryKind, u64)>, expected: Option<u64>) -> Option<Self> {
        match (found, expected) {
            (None, _) => Some(Wrong::Missing),
            (Some((EntryKind::File, found)), Some(expected)) if found != expected => {
                Some(Wrong::Size { found, expected })
            }
            (Some((EntryKind::File, _)), _) => None,
            (Some(_), _) => Some(Wrong::NoFile),
        }
    }

    /// What is wrong with a file that could not be opened in a store; `None` if it is not the file that is to blame.
    pub fn of_opening(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::NotFound => Some(Wrong::Missing),
            ErrorKind::Corrupt => Some(Wrong::NoFile),
            _ => None,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Missing => f.write_str("is missing"),
            Wrong::NoFile => f.write_str("is no regular file"),
            Wrong::Size { found, expected } => write!(f, "has {found} bytes instead of {expected}"),
        }
    }
}

/// The sizes that files of a backup should have, from whichever record knows: the meta file where a schema 2 one has
/// them, the file's name, our facts, the backup's own MANIFEST.
#[derive(Debug)]
pub struct Sizes<'a> {
    facts: HashMap<&'a str, u64>,
    manifest: HashMap<DbFileName, u64>,
}

impl<'a> Sizes<'a> {
    /// With or without facts.
    pub fn new(facts: Option<&'a BackupFacts>) -> Self {
        let files = facts.map(|facts| facts.files.as_slice()).unwrap_or_default();
        Sizes {
            facts: files
                .iter()
                .map(|file| (file.path.as_str(), file.size_bytes))
                .collect(),
            manifest: HashMap::new(),
        }
    }

    /// With facts, else with what the backup's MANIFEST says of tables and blobs, where nothing else tells.
    ///
    /// # Errors
    /// I/O errors of the store. A MANIFEST that cannot be read tells nothing.
    pub fn read(store: &dyn Store, loaded: &LoadedMeta, facts: Option<&'a BackupFacts>) -> Result<Self> {
        let mut sizes = Sizes::new(facts);
        let unknown = |file: &MetaFile| !file.excluded && sizes.expected(file).is_none() && shared(file);
        if loaded.meta.files.iter().any(unknown)
            && let Some(state) = described::harmless(described::manifest(store, loaded))?.flatten()
        {
            let tables = state
                .live_tables()
                .map(|table| (DbFileName::table(table.file.number), table.file.size_bytes));
            let blobs = state.live_blobs().map(|blob| {
                let number = blob.file.addition.number;
                (DbFileName::Blob(number), blob.file.addition.file_size_bytes())
            });
            sizes.manifest = tables.chain(blobs).collect();
        }
        Ok(sizes)
    }

    /// The size that this file should have; `None` if nothing says so, which is not "right".
    pub fn expected(&self, file: &MetaFile) -> Option<u64> {
        let recorded = || self.facts.get(file.path.to_string().as_str()).copied();
        let in_manifest = || self.manifest.get(&file.path.restored_name()).copied();
        file.told_size_bytes().or_else(recorded).or_else(in_manifest)
    }
}

/// Whether a MANIFEST names such a file.
fn shared(file: &MetaFile) -> bool {
    matches!(
        file.path.restored_name(),
        DbFileName::Table { .. } | DbFileName::Blob(_)
    )
}
