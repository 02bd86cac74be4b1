//! What a repair did.

use stonekeep_format::BackupId;

use crate::Warning;

/// What a repair did, or would do.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepairReport {
    /// The files that were made again.
    pub repaired: Vec<RepairedFile>,
    /// Files that a verification had found damaged, and that are right now: somebody else has repaired them.
    pub right: Vec<String>,
    /// What is damaged still.
    pub not_repaired: Vec<NotRepaired>,
    /// The backups that had damaged files, and have none any more.
    pub repaired_backups: Vec<BackupId>,
    /// The backups that are damaged still, without those that only have files which are damaged inside.
    pub damaged_backups: Vec<BackupId>,
    /// Files that are damaged inside: backups expect these bytes, so that no other file can take their place.
    pub warnings: Vec<Warning>,
}

impl RepairReport {
    /// Whether nothing is known to be damaged any more.
    pub fn is_clean(&self) -> bool {
        self.not_repaired.is_empty() && self.warnings.is_empty()
    }
}

/// A file that was made again.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepairedFile {
    /// In the repository.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// Where its bytes are from.
    pub from: String,
    /// The backups that name it.
    pub backups: Vec<BackupId>,
}

/// Something that could not be repaired.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NotRepaired {
    /// In the repository.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// Why each candidate was passed over; empty if there was none.
    pub rejected: Vec<String>,
    /// The backups that name it.
    pub backups: Vec<BackupId>,
}
