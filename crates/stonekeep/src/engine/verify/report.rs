//! What a verification found.

use std::collections::{BTreeSet, HashMap};

use stonekeep_format::BackupId;

use crate::engine::info::BackupState;
use crate::repo::presence::Wrong;
use crate::{Finding, Warning};

/// How closely a backup is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyLevel {
    /// Every file is there with its size: `VerifyBackup(id, false)`.
    Size,
    /// Every byte is read and its checksum compared: `VerifyBackup(id, true)`.
    Checksum,
}

/// What kind of damage a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A file is not there, or something that is no file stands in its place.
    Missing,
    /// A file has another length than recorded.
    WrongSize,
    /// A file has another checksum than recorded.
    WrongChecksum,
    /// The file is as other backups have it; the meta files named have a wrong checksum.
    LyingMeta,
    /// A file could not be read.
    Unreadable,
    /// A meta file is damaged, or needs a newer program.
    UnreadableMeta,
    /// Files of the backup contradict each other.
    Inconsistent,
}

impl From<Wrong> for FindingKind {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Missing | Wrong::NoFile => FindingKind::Missing,
            Wrong::Size { .. } => FindingKind::WrongSize,
        }
    }
}

/// One thing that is wrong, with every verified backup that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyFinding {
    /// What kind of damage it is.
    pub kind: FindingKind,
    /// The path in the repository.
    pub file: String,
    /// What is wrong.
    pub reason: String,
    /// The backups, oldest first.
    pub backups: Vec<BackupId>,
}

/// One backup after verification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedBackup {
    /// The backup.
    pub id: BackupId,
    /// What it is.
    pub state: BackupState,
    /// Files that have no checksum, so that nobody can say that they are right.
    pub unverifiable: Vec<String>,
}

/// Findings while they are gathered: one entry for the same thing, however many backups it touches.
#[derive(Debug, Default)]
pub(super) struct Findings(HashMap<(String, FindingKind, String), BTreeSet<BackupId>>);

impl Findings {
    pub(super) fn add(&mut self, kind: FindingKind, file: String, reason: String, id: BackupId) {
        self.0.entry((file, kind, reason)).or_default().insert(id);
    }

    /// The findings of backups that are still wanted, in the order of their files.
    pub(super) fn into_sorted(self, keep: impl Fn(BackupId) -> bool) -> Vec<VerifyFinding> {
        let findings = self.0.into_iter().map(|((file, kind, reason), ids)| {
            let backups = ids.into_iter().filter(|id| keep(*id)).collect();
            VerifyFinding {
                kind,
                file,
                reason,
                backups,
            }
        });
        let mut findings: Vec<_> = findings.filter(|finding| !finding.backups.is_empty()).collect();
        findings.sort_by(|a, b| (&a.file, &a.reason).cmp(&(&b.file, &b.reason)));
        findings
    }
}

/// What [`crate::engine::BackupEngineReadOnly::verify_backups`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How closely it looked.
    pub level: VerifyLevel,
    /// The backups, oldest first.
    pub backups: Vec<VerifiedBackup>,
    /// Everything that is wrong.
    pub findings: Vec<VerifyFinding>,
    /// Files looked at, each counted for every backup.
    pub files_checked: u64,
    /// Bytes read, each file counted once.
    pub bytes_checked: u64,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Gives each backup the state that the findings make.
    pub(super) fn settle(&mut self) {
        let mut own: HashMap<BackupId, Vec<Finding>> = HashMap::new();
        for finding in &self.findings {
            for id in &finding.backups {
                let finding = Finding {
                    file: finding.file.clone(),
                    reason: finding.reason.clone(),
                };
                own.entry(*id).or_default().push(finding);
            }
        }
        for backup in &mut self.backups {
            let supported = !matches!(backup.state, BackupState::Unsupported(_));
            if let Some(own) = own.remove(&backup.id).filter(|_| supported) {
                backup.state = BackupState::Corrupt(own);
            }
        }
    }
}
