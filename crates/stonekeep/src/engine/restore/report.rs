//! What a restore did, or would do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, SequenceNumber};

use super::point::PointReport;
use super::salvage::Salvage;
use crate::Warning;
use crate::engine::contents::RewrittenOptions;
use crate::engine::info::PassedOver;

/// What is done for a file of the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestoreAction {
    /// It is written from the backup.
    Write,
    /// The file at the target is the same, and stays.
    Keep,
}

/// One file of the restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredFile {
    /// Its name in the database.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// What is done for it.
    pub action: RestoreAction,
}

/// What [`crate::engine::BackupEngineReadOnly::restore_db_from_backup`] did.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RestoreReport {
    /// Whether the target has it now: not after a dry run.
    pub restored: bool,
    /// The backup that was restored; in a dry run the one that would be.
    pub backup_id: BackupId,
    /// Files written from the backup, those included that an earlier run had staged.
    pub files_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Files of the target that stay, since they are the backup's.
    pub files_kept: u64,
    /// Their bytes.
    pub bytes_kept: u64,
    /// Files of the old database that had to go.
    pub files_moved_away: u64,
    /// Whether work of an earlier run was used.
    pub resumed: bool,
    /// WALs of the target that won over those of the same name in the backup (`keep_log_files`).
    pub wal_files_kept: Vec<String>,
    /// Files of the backup that have no checksum, so that nobody can say whether they are right.
    pub unverifiable: Vec<String>,
    /// Newer backups that were damaged, and why.
    pub passed_over: Vec<PassedOver>,
    /// What is at the target and is no part of a database.
    pub left_alone: Vec<String>,
    /// The OPTIONS files whose `wal_dir` is another one than in the backup.
    pub rewritten_options: Vec<RewrittenOptions>,
    /// The last sequence number of the database that is replaced, where there is one and it can be read.
    pub target_sequence_number: Option<SequenceNumber>,
    /// That of the backup, where it is known.
    pub backup_sequence_number: Option<SequenceNumber>,
    /// Where the replaced files went instead of being removed (`keep_old`); `None` if nothing was replaced.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::path_text::option"))]
    pub kept_old: Option<PathBuf>,
    /// What was left out of a damaged backup, if that was permitted (`best_effort`).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub salvage: Option<Salvage>,
    /// The point behind the backup that the restore went to, if one was asked for.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub point: Option<PointReport>,
    /// Every file of the restored database.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub files: Vec<RestoredFile>,
    /// Problems that did not stop the restore.
    pub warnings: Vec<Warning>,
}

/// What [`super::abort_restore`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AbortReport {
    /// Whether the old database's files had to be moved back; else nothing had been moved yet.
    pub rolled_back: bool,
    /// Files moved back.
    pub files_moved_back: u64,
    /// Staged files removed.
    pub files_removed: u64,
}
