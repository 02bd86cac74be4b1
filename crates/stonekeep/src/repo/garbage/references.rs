//! The shared files that some backups name.

use std::collections::HashSet;

use stonekeep_format::backup_meta::BackupMeta;

/// Paths of shared files. Each is kept once, however many backups name it: 100 backups of 100,000 files need the
/// room of one.
#[derive(Debug, Clone, Default)]
pub struct References(HashSet<Box<str>>);

impl References {
    /// Adds what a backup names. Files that it was made without are none of its own.
    pub fn add(&mut self, meta: &BackupMeta) {
        for file in meta.files.iter().filter(|file| !file.excluded) {
            if file.path.shared_name().is_some() {
                self.insert(file.path.to_string());
            }
        }
    }

    /// Adds one path.
    pub fn insert(&mut self, path: String) {
        if !self.0.contains(path.as_str()) {
            self.0.insert(path.into_boxed_str());
        }
    }

    /// Whether some backup names the file.
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains(path)
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
