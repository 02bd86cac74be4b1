//! What a backup did, or would do.

use std::path::PathBuf;

use stonekeep_format::{BackupId, SequenceNumber};

use super::decision::{self, Action, Target};
use super::included::Beside;
use super::plan::Plan;
use crate::image::{CaptureKind, LiveCapture};
use crate::repo::layout;
use crate::{Warning, WarningName};

/// What is done for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FileAction {
    /// Read from the database and written.
    Copy,
    /// Stored by an earlier backup.
    Reuse,
    /// Staged completely by an earlier run that did not end.
    Resume,
    /// Left out, as the exclude callback says.
    Exclude,
    /// A file of the application, read and written.
    Include,
}

/// One file of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PlannedFile {
    /// Its path in the repository; where that is known only when the file is read, its name in the database.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// What is done for it.
    pub action: FileAction,
}

/// What [`crate::engine::BackupEngine::create_new_backup`] did.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CreateReport {
    /// Whether the backup exists now: not after a dry run.
    pub committed: bool,
    /// The new backup; in a dry run the id that it would get.
    pub backup_id: BackupId,
    /// The last sequence number in it.
    pub sequence_number: SequenceNumber,
    /// Transactions that are prepared in its WALs, and neither committed nor rolled back: whoever opens the restored
    /// database has to decide on them.
    pub prepared_transactions: u64,
    /// How the image was taken.
    pub capture: CaptureKind,
    /// How the capture came to its close, if the database was being written.
    pub live: Option<LiveCapture>,
    /// Files that the backup names, without excluded ones.
    pub files_total: u64,
    /// Their bytes.
    pub bytes_total: u64,
    /// Files read and written.
    pub files_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Files that were stored already.
    pub files_reused: u64,
    /// Their bytes.
    pub bytes_reused: u64,
    /// Files that an earlier run had staged completely.
    pub files_resumed: u64,
    /// Their bytes.
    pub bytes_resumed: u64,
    /// Files left out, as the exclude callback says.
    pub files_excluded: u64,
    /// Files of the application that were asked for. They do not count among the others.
    pub files_included: u64,
    /// Their bytes.
    pub bytes_included: u64,
    /// Tables whose last bytes had to be read for their session id.
    pub tables_opened: u64,
    /// What is beside the database and belongs to no database, or to an older state of this one: not backed up.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::path_text::all"))]
    pub surplus: Vec<PathBuf>,
    /// What of that RocksDB does not know; the application may need it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::path_text::all"))]
    pub unknown: Vec<PathBuf>,
    /// Stored files that older backups name, and that were missing, of a wrong size, or found damaged by a verification: they are
    /// stored again.
    pub healed_files: Vec<String>,
    /// The older backups that are complete again: all their files exist with their sizes.
    pub healed_backups: Vec<BackupId>,
    /// Every file.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub files: Vec<PlannedFile>,
    /// Problems that did not stop the backup.
    pub warnings: Vec<Warning>,
}

impl CreateReport {
    pub(super) fn of(plan: &Plan<'_>, backup_id: BackupId) -> Self {
        let image = plan.image;
        let mut report = CreateReport {
            backup_id,
            committed: false,
            sequence_number: plan.sequence_number,
            prepared_transactions: plan.prepared_transactions,
            capture: image.kind,
            live: image.live,
            files_total: 0,
            bytes_total: 0,
            files_copied: 0,
            bytes_copied: 0,
            files_reused: 0,
            bytes_reused: 0,
            files_resumed: 0,
            bytes_resumed: 0,
            files_excluded: 0,
            tables_opened: plan.tables_opened,
            files_included: 0,
            bytes_included: 0,
            surplus: Vec::new(),
            unknown: Vec::new(),
            files: Vec::new(),
            healed_files: Vec::new(),
            healed_backups: Vec::new(),
            warnings: image.warnings.iter().chain(&plan.warnings).cloned().collect(),
        };
        for file in &plan.files {
            report.add(planned(file, backup_id));
        }
        report
    }

    /// Marks the warnings of these names as accepted.
    pub(super) fn accept(mut self, names: &[WarningName]) -> Self {
        let warnings = std::mem::take(&mut self.warnings).into_iter();
        self.warnings = warnings.map(|warning| warning.accepted_by(names)).collect();
        self
    }

    /// Adds what is beside the database.
    pub(super) fn add_beside(&mut self, beside: Beside) {
        (self.surplus, self.unknown) = (beside.surplus, beside.unknown);
        for file in beside.included {
            self.files_included += 1;
            self.bytes_included += file.size_bytes;
            self.files.push(PlannedFile {
                path: format!("{}/{}", layout::included(self.backup_id), file.path),
                size_bytes: file.size_bytes,
                action: FileAction::Include,
            });
        }
    }

    fn add(&mut self, file: PlannedFile) {
        let size = file.size_bytes;
        let (files, bytes) = match file.action {
            FileAction::Copy => (&mut self.files_copied, Some(&mut self.bytes_copied)),
            FileAction::Reuse => (&mut self.files_reused, Some(&mut self.bytes_reused)),
            FileAction::Resume => (&mut self.files_resumed, Some(&mut self.bytes_resumed)),
            FileAction::Exclude => (&mut self.files_excluded, None),
            FileAction::Include => (&mut self.files_included, None),
        };
        *files += 1;
        if let Some(bytes) = bytes {
            *bytes += size;
            self.files_total += 1;
            self.bytes_total += size;
        }
        self.files.push(file);
    }
}

fn planned(file: &decision::PlannedFile<'_>, id: BackupId) -> PlannedFile {
    let name = &file.image.name;
    let (path, action) = match &file.decision.action {
        Action::Copy(Target::Shared(path)) => (path.to_string(), FileAction::Copy),
        Action::Copy(Target::SharedByChecksum(..)) => (name.to_string(), FileAction::Copy),
        Action::Copy(Target::Private) => (format!("private/{id}/{name}"), FileAction::Copy),
        Action::Publish(staged) => {
            let path = staged.path.as_ref().map(ToString::to_string);
            let action = if staged.by_killed_run {
                FileAction::Resume
            } else {
                FileAction::Copy
            };
            (path.unwrap_or_else(|| format!("private/{id}/{name}")), action)
        }
        Action::Reuse { path, .. } => (path.to_string(), FileAction::Reuse),
        Action::Exclude(path) => (path.to_string(), FileAction::Exclude),
    };
    PlannedFile {
        path,
        size_bytes: file.size_bytes(),
        action,
    }
}
