//! The shared files that some backups name.

use stonekeep_format::backup_meta::BackupMeta;
use stonekeep_format::backup_name::RepoPath;

use crate::repo::names::{NameId, Names};
use crate::repo::skim::Skimmed;

/// Paths of shared files. Each is kept once, however many backups name it: 100 backups of 100,000 files need the
/// room of one.
#[derive(Debug, Clone, Default)]
pub struct References {
    names: Names,
    named: Vec<bool>,
    /// Whether files are plain only if they are there with their sizes; else it is enough that they are named.
    is_of_files: bool,
}

impl References {
    /// None yet; files that are not plain among these names stay so, and are read as such.
    pub fn to_files(names: Names) -> Self {
        References {
            names,
            named: Vec::new(),
            is_of_files: true,
        }
    }

    /// The paths that are known, named or not: with these a meta file is to be read.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Adds what a backup names. Files that it was made without are none of its own.
    pub fn add(&mut self, skimmed: &Skimmed) {
        skimmed.plain.iter().for_each(|id| self.mark(*id));
        self.add_files_of(&skimmed.loaded.meta);
    }

    /// The same, of a meta file with all its files.
    pub fn add_files_of(&mut self, meta: &BackupMeta) {
        for file in meta.files.iter().filter(|file| !file.excluded) {
            self.add_path(&file.path);
        }
    }

    /// The same, with the files that the backup was made without: whoever reads it may take them from other backups.
    pub fn add_all_files_of(&mut self, meta: &BackupMeta) {
        meta.files.iter().for_each(|file| self.add_path(&file.path));
    }

    /// Adds one path, if a backup can share it.
    pub fn insert(&mut self, path: &str) {
        if let Some(path) = RepoPath::parse(path) {
            self.add_path(&path);
        }
    }

    /// Whether some backup names the file.
    pub fn contains(&self, path: &str) -> bool {
        let id = self.names.find(path.as_bytes());
        id.is_some_and(|id| self.named.get(id.index()) == Some(&true))
    }

    fn add_path(&mut self, path: &RepoPath) {
        let id = match self.is_of_files {
            true => self.names.insert(path),
            false => self.names.insert_plain(path),
        };
        if let Some(id) = id {
            self.mark(id);
        }
    }

    fn mark(&mut self, id: NameId) {
        if self.named.len() <= id.index() {
            self.named.resize(self.names.len(), false);
        }
        if let Some(is_named) = self.named.get_mut(id.index()) {
            *is_named = true;
        }
    }
}
