//! The shared files that some backups name.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use stonekeep_format::backup_meta::BackupMeta;
use stonekeep_format::backup_name::RepoPath;

/// Paths of shared files. Each is kept once, however many backups name it: 100 backups of 100,000 files need the
/// room of one.
#[derive(Debug, Clone, Default)]
pub struct References(HashSet<RepoPath, RandomState>);

impl References {
    /// Adds what a backup names. Files that it was made without are none of its own.
    pub fn add(&mut self, meta: &BackupMeta) {
        for file in meta.files.iter().filter(|file| !file.excluded) {
            if file.path.shared_name().is_some() && !self.0.contains(&file.path) {
                self.0.insert(file.path.clone());
            }
        }
    }

    /// Adds one path, if a backup can have it.
    pub fn insert(&mut self, path: &str) {
        self.0.extend(RepoPath::parse(path));
    }

    /// Whether some backup names the file.
    pub fn contains(&self, path: &str) -> bool {
        RepoPath::parse(path).is_some_and(|path| self.0.contains(&path))
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
