//! What a drill found.

use std::path::PathBuf;

use stonekeep_format::{BackupId, SequenceNumber};

use crate::engine::info::PassedOver;
use crate::{Finding, Warning};

/// What [`crate::engine::BackupEngineReadOnly::drill`] found.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DrillReport {
    /// The backup that was restored.
    pub backup_id: BackupId,
    /// Files that were restored, and read again.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last sequence number of the restored database, if it can be opened as one.
    pub sequence_number: Option<SequenceNumber>,
    /// How long the restore took, in milliseconds.
    pub restore_ms: u64,
    /// Bytes restored in a second.
    pub restore_bytes_per_second: u64,
    /// How long reading them again took, in milliseconds.
    pub verify_ms: u64,
    /// Bytes read again in a second.
    pub verify_bytes_per_second: u64,
    /// What is wrong on the disk. A damaged backup is an error of the drill.
    pub findings: Vec<Finding>,
    /// Files of the backup that have no checksum, so that nobody can say whether they are right.
    pub unverifiable: Vec<String>,
    /// Newer backups that were damaged, and why.
    pub passed_over: Vec<PassedOver>,
    /// The directory that stays with the database, if that was asked for.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::path_text::option"))]
    pub kept: Option<PathBuf>,
    /// Directories in the scratch directory that killed drills had left, and that are removed.
    pub removed_leftovers: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl DrillReport {
    pub(super) fn add_times(&mut self, restore_ms: u64, verify_ms: u64) {
        (self.restore_ms, self.verify_ms) = (restore_ms, verify_ms);
        self.restore_bytes_per_second = rate(self.bytes, restore_ms);
        self.verify_bytes_per_second = rate(self.bytes, verify_ms);
    }
}

/// Bytes a second. What took less than a millisecond took one.
fn rate(bytes: u64, milliseconds: u64) -> u64 {
    let rate = u128::from(bytes) * 1000 / u128::from(milliseconds.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}
