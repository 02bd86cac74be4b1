//! What a copy did, or would do.

use std::ops::AddAssign;

use stonekeep_format::BackupId;

use crate::{Finding, Warning};

/// What became of one backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CopyState {
    /// It is in the target now; in a dry run, it would be.
    Copied,
    /// It was in the target already.
    AlreadyThere,
    /// It was skipped: a backup of this id was in the target once, and was deleted.
    Purged,
    /// It is not copied, since something speaks against it: the reason says what, the hint what helps.
    Refused,
    /// It is not copied, since it is damaged: the findings say which files.
    Damaged,
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopiedFiles {
    /// Files read in the source and written.
    pub files_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Files that the target had.
    pub files_reused: u64,
    /// Their bytes.
    pub bytes_reused: u64,
    /// Files that an earlier copy, which did not end, had written.
    pub files_resumed: u64,
    /// Their bytes.
    pub bytes_resumed: u64,
    /// Files that the backup was made without; another backup or repository has them.
    pub files_excluded: u64,
}

impl CopiedFiles {
    pub(super) fn copied(&mut self, bytes: u64) {
        self.files_copied += 1;
        self.bytes_copied += bytes;
    }

    pub(super) fn reused(&mut self, bytes: u64) {
        self.files_reused += 1;
        self.bytes_reused += bytes;
    }

    pub(super) fn resumed(&mut self, bytes: u64) {
        self.files_resumed += 1;
        self.bytes_resumed += bytes;
    }
}

impl AddAssign for CopiedFiles {
    fn add_assign(&mut self, other: CopiedFiles) {
        self.files_copied += other.files_copied;
        self.bytes_copied += other.bytes_copied;
        self.files_reused += other.files_reused;
        self.bytes_reused += other.bytes_reused;
        self.files_resumed += other.files_resumed;
        self.bytes_resumed += other.bytes_resumed;
        self.files_excluded += other.files_excluded;
    }
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopiedBackup {
    /// Its id in the source.
    pub id: BackupId,
    /// Its id in the target, if it is there, or in a dry run would be.
    pub new_id: Option<BackupId>,
    /// What became of it.
    pub state: CopyState,
    /// Why it was not copied.
    pub reason: Option<String>,
    /// What helps.
    pub hint: Option<String>,
    /// What is damaged.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub findings: Vec<Finding>,
    /// Its files.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub files: CopiedFiles,
}

impl CopiedBackup {
    pub(super) fn new(id: BackupId, state: CopyState) -> Self {
        CopiedBackup {
            id,
            new_id: None,
            state,
            reason: None,
            hint: None,
            findings: Vec::new(),
            files: CopiedFiles::default(),
        }
    }

    pub(super) fn under(self, new_id: BackupId) -> Self {
        CopiedBackup {
            new_id: Some(new_id),
            ..self
        }
    }

    pub(super) fn because(self, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        CopiedBackup {
            reason: Some(reason.into()),
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// What [`crate::engine::BackupEngine::copy_backups_from`] did.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopyReport {
    /// Whether it was done: not in a dry run.
    pub done: bool,
    /// The repository that the backups are in.
    pub from: String,
    /// The repository that they are copied to.
    pub to: String,
    /// Each backup that was asked for, oldest first.
    pub backups: Vec<CopiedBackup>,
    /// The files of all of them.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub files: CopiedFiles,
    /// Problems that did not stop the copy.
    pub warnings: Vec<Warning>,
}

impl CopyReport {
    /// The backups in this state.
    pub fn in_state(&self, state: CopyState) -> impl Iterator<Item = &CopiedBackup> {
        self.backups.iter().filter(move |backup| backup.state == state)
    }

    pub(super) fn add(&mut self, backup: CopiedBackup) {
        self.files += backup.files;
        self.backups.push(backup);
    }
}
