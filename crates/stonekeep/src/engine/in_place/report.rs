//! What opening a backup in place made.

use std::path::PathBuf;

use stonekeep_format::BackupId;

use crate::Warning;
use crate::engine::contents::RewrittenOptions;

/// What [`crate::engine::BackupEngineReadOnly::open_in_place`] made.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct InPlaceReport {
    /// The backup.
    pub backup_id: BackupId,
    /// The directory to open read-only.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::path_text::one"))]
    pub directory: PathBuf,
    /// Files that are links into the repository.
    pub files_linked: u64,
    /// Files that are copies.
    pub files_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// The OPTIONS files whose `wal_dir` is another one than in the backup.
    pub rewritten_options: Vec<RewrittenOptions>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}
