//! What a collection did, or would do.

use std::collections::BTreeMap;

use stonekeep_format::BackupId;

use super::retention::BackupDecision;
use crate::repo::garbage::{Garbage, GarbagePlan};
pub use crate::repo::garbage::{GarbageKind, HeldByPin, KeptForUndelete, RetainingBackup, Total};
use crate::{Error, Warning, WarningName};

/// One file that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeletedFile {
    /// Its path in the repository; for what a killed run has staged, that of the staging area.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// Why it went.
    pub why: GarbageKind,
}

/// A file or directory that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NotRemoved {
    /// Its path in the repository.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What deleting, purging or collecting did.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CollectReport {
    /// Whether it was done: not in a dry run.
    pub done: bool,
    /// The backups that were deleted, oldest first; those too whose deletion an earlier run had begun, if they were asked for.
    pub deleted_backups: Vec<BackupId>,
    /// What a purge decided about each backup, oldest first.
    pub decisions: Vec<BackupDecision>,
    /// The files that were removed.
    pub deleted_files: Vec<DeletedFile>,
    /// Their bytes.
    pub freed_bytes: u64,
    /// What should have been removed and could not be; the next run tries again.
    pub not_removed: Vec<NotRemoved>,
    /// Deleted backups that somebody reads: their files go with the first collection after the last reader has ended.
    pub held_by_pins: Vec<HeldByPin>,
    /// Deleted backups whose files stay for a while, so that they can be undeleted.
    pub kept_for_undelete: Vec<KeptForUndelete>,
    /// Backups that nobody can read, which therefore hold back every shared file.
    #[cfg_attr(feature = "serde", serde(rename = "held_back"))]
    pub retaining_backups: Vec<RetainingBackup>,
    /// What stays only because of those.
    #[cfg_attr(feature = "serde", serde(rename = "held_back_total"))]
    pub retained: Total,
    /// Files and directories of unknown origin that stay because they have been changed lately.
    pub too_young: u64,
    /// What killed backups have left for the next one to go on with; only [`garbage_collect`] removes it.
    ///
    /// [`garbage_collect`]: crate::engine::BackupEngine::garbage_collect
    pub unfinished: Total,
    /// Uploads in parts that killed backups had begun, and that were aborted: their parts cost, and are seen by nobody. Only
    /// [`garbage_collect`] looks for them, in stores that have such uploads.
    ///
    /// [`garbage_collect`]: crate::engine::BackupEngine::garbage_collect
    pub aborted_uploads: u64,
    /// Names that no repository has, left alone.
    #[cfg_attr(feature = "serde", serde(rename = "strangers"))]
    pub unknown_files: Vec<String>,
    /// Problems that did not stop the work.
    pub warnings: Vec<Warning>,
}

impl CollectReport {
    /// What a plan reports besides what it removes.
    pub(super) fn new(done: bool, deleted_backups: Vec<BackupId>, plan: &mut GarbagePlan) -> Self {
        CollectReport {
            done,
            deleted_backups,
            decisions: Vec::new(),
            deleted_files: Vec::new(),
            freed_bytes: 0,
            not_removed: Vec::new(),
            held_by_pins: std::mem::take(&mut plan.held_by_pins),
            kept_for_undelete: std::mem::take(&mut plan.kept_for_undelete),
            retaining_backups: std::mem::take(&mut plan.retaining_backups),
            retained: plan.retained,
            too_young: plan.too_young,
            unfinished: plan.unfinished,
            aborted_uploads: 0,
            unknown_files: std::mem::take(&mut plan.unknown_files),
            warnings: std::mem::take(&mut plan.warnings),
        }
    }

    pub(super) fn add(&mut self, file: &Garbage) {
        self.add_path(file.key.as_str().to_owned(), file.size_bytes, file.kind);
    }

    pub(super) fn add_not_removed(&mut self, path: &str, error: &Error) {
        // The message names the file, too.
        let cause = std::error::Error::source(error).map(ToString::to_string);
        self.not_removed.push(NotRemoved {
            path: path.to_owned(),
            reason: cause.unwrap_or_else(|| error.to_string()),
        });
    }

    /// One warning for each reason.
    pub(super) fn warn_of_not_removed(&mut self) {
        let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for not_removed in &self.not_removed {
            paths
                .entry(&not_removed.reason)
                .or_default()
                .push(&not_removed.path);
        }
        let warnings = paths.into_iter().filter_map(|(reason, paths)| {
            let (first, others) = paths.split_first()?;
            let message = match others.len() {
                0 => format!("could not be removed: {reason}; the next run tries again"),
                others => {
                    format!("and {others} more could not be removed: {reason}; the next run tries again")
                }
            };
            Some(Warning::about(WarningName::NotRemoved, *first, message))
        });
        self.warnings.extend(warnings);
    }

    pub(super) fn add_path(&mut self, path: String, size_bytes: u64, why: GarbageKind) {
        self.freed_bytes += size_bytes;
        self.deleted_files.push(DeletedFile {
            path,
            size_bytes,
            why,
        });
    }
}
