//! What a verification found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::io;

use rustix::io::Errno;
use stonekeep_format::BackupId;

use super::verified_contents::VerifiedContents;
use crate::engine::info::BackupState;
use crate::repo::verified::DamageKind;
use crate::repo::wrong::Wrong;
use crate::{Error, Finding, Warning};

/// Which backups are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyWhat {
    /// All of them; with `max_valid_backups_to_open`, that many of the newest.
    All,
    /// Those with these ids, at least one.
    Backups(Vec<BackupId>),
}

impl From<BackupId> for VerifyWhat {
    fn from(id: BackupId) -> Self {
        VerifyWhat::Backups(vec![id])
    }
}

impl From<Vec<BackupId>> for VerifyWhat {
    fn from(ids: Vec<BackupId>) -> Self {
        VerifyWhat::Backups(ids)
    }
}

impl From<&[BackupId]> for VerifyWhat {
    fn from(ids: &[BackupId]) -> Self {
        ids.to_vec().into()
    }
}

/// How closely a backup is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum VerifyLevel {
    /// Every file is there with its size: `VerifyBackup(id, false)`.
    Size,
    /// Every byte is read and its checksum compared: `VerifyBackup(id, true)`.
    Checksum,
    /// Also every block and entry of block-based tables, every record of blob files, every record and batch of WALs, and what the
    /// MANIFEST says of them, without RocksDB.
    Deep,
}

/// What kind of damage a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FindingKind {
    /// A file does not exist, or is no regular file.
    Missing,
    /// A file has another length than recorded.
    WrongSize,
    /// A file has another checksum than recorded.
    WrongChecksum,
    /// The file is as other backups have it; the meta files named have a wrong checksum.
    LyingMeta,
    /// A meta file is damaged, or needs a newer program.
    UnreadableMeta,
    /// Files of the backup contradict each other.
    Inconsistent,
    /// A meta file does not list a file that the MANIFEST in the backup names.
    Unlisted,
    /// A part of a file is damaged, or contradicts others, whatever the checksum of the whole file is. A file whose checksum is right was
    /// damaged before it was backed up.
    DamagedContents,
}

impl From<Wrong> for FindingKind {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Missing | Wrong::ListedOnly | Wrong::NoFile => FindingKind::Missing,
            Wrong::Size { .. } => FindingKind::WrongSize,
        }
    }
}

impl From<DamageKind> for FindingKind {
    fn from(kind: DamageKind) -> Self {
        match kind {
            DamageKind::Bytes => FindingKind::WrongChecksum,
            DamageKind::Inside => FindingKind::DamagedContents,
        }
    }
}

/// One thing that is wrong, with every verified backup that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifyFinding {
    /// The path in the repository.
    pub file: String,
    /// What kind of damage it is.
    pub kind: FindingKind,
    /// What is wrong.
    pub reason: String,
    /// The backups, oldest first.
    pub backups: Vec<BackupId>,
}

/// Why a file could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum UncheckedCause {
    /// This process may not read it.
    Permission,
    /// The process or the machine had no file descriptors or no memory left.
    Resources,
    /// The operating system or the store failed otherwise.
    Io,
}

impl UncheckedCause {
    fn of(error: &Error) -> Self {
        match error.io_kind() {
            Some(io::ErrorKind::PermissionDenied) => UncheckedCause::Permission,
            _ if is_shortage(error) => UncheckedCause::Resources,
            _ => UncheckedCause::Io,
        }
    }
}

/// Whether the process or the machine ran out of something that may be there again.
pub(super) fn is_shortage(error: &Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error.io_kind() == Some(io::ErrorKind::OutOfMemory)
        || error.raw_os_error().is_some_and(|code| shortages.contains(&code))
}

/// A file of which nobody can say whether it is damaged, since it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UncheckedFile {
    /// The path in the repository.
    pub file: String,
    /// What kind of failure it was.
    pub cause: UncheckedCause,
    /// The failure.
    pub reason: String,
    /// The backups that name the file, oldest first.
    pub backups: Vec<BackupId>,
}

/// One backup after verification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifiedBackup {
    /// The backup.
    pub id: BackupId,
    /// Whether it is right.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub state: BackupState,
    /// Files that have no checksum, so that nobody can say that they are right.
    pub unverifiable: Vec<String>,
    /// Files that the backup was made without, and that no other backup of the repository stores, by their names in the
    /// database: they were not checked, and a restore needs an alternate directory that has them.
    pub excluded: Vec<String>,
}

/// What concerns backups: a file, of which kind it is, and the reason. With each how many others were found before it, and the backups.
type Concerned<K> = HashMap<(String, K, String), (usize, BTreeSet<BackupId>)>;

/// Findings while they are gathered: one entry for the same thing, however many backups it touches.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Concerned<FindingKind>,
    unchecked: Concerned<UncheckedCause>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        file: String,
        reason: String,
        ids: impl IntoIterator<Item = BackupId>,
    ) {
        add((file, kind, reason), ids, &mut self.found);
    }

    /// Whether something is wrong with a file of a backup.
    pub(super) fn has(&self, file: &str, id: BackupId) -> bool {
        let mut found = self.found.iter();
        found.any(|((of, ..), (_, ids))| of == file && ids.contains(&id))
    }

    /// A file that could not be read.
    pub(super) fn add_unchecked(
        &mut self,
        file: &str,
        error: &Error,
        ids: impl IntoIterator<Item = BackupId>,
    ) {
        let key = (file.to_owned(), UncheckedCause::of(error), error.one_line());
        add(key, ids, &mut self.unchecked);
    }

    /// Puts what concerns backups that are still wanted into a report, in the order of the files.
    pub(super) fn report(self, report: &mut VerifyReport, keep: impl Fn(BackupId) -> bool) {
        let found = sorted(self.found, &keep).map(|((file, kind, reason), backups)| VerifyFinding {
            file,
            kind,
            reason,
            backups,
        });
        report.findings = found.collect();
        let unchecked = sorted(self.unchecked, &keep).map(|((file, cause, reason), backups)| UncheckedFile {
            file,
            cause,
            reason,
            backups,
        });
        report.unchecked = unchecked.collect();
    }
}

fn add<K: Eq + Hash>(
    key: (String, K, String),
    ids: impl IntoIterator<Item = BackupId>,
    concerned: &mut Concerned<K>,
) {
    let before = concerned.len();
    let (_, all) = concerned.entry(key).or_insert((before, BTreeSet::new()));
    all.extend(ids);
}

/// In the order of the files, and for one file as it was found: that is the order of its parts.
fn sorted<K>(
    concerned: Concerned<K>,
    keep: impl Fn(BackupId) -> bool,
) -> impl Iterator<Item = ((String, K, String), Vec<BackupId>)> {
    let kept = concerned.into_iter().map(|(key, (before, ids))| {
        let ids: Vec<BackupId> = ids.into_iter().filter(|id| keep(*id)).collect();
        (before, key, ids)
    });
    let mut kept: Vec<_> = kept.filter(|(.., ids)| !ids.is_empty()).collect();
    kept.sort_by(|(a, of_a, _), (b, of_b, _)| (&of_a.0, a).cmp(&(&of_b.0, b)));
    kept.into_iter().map(|(_, key, ids)| (key, ids))
}

/// What [`crate::engine::BackupEngineReadOnly::verify_backups`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifyReport {
    /// How closely it looked.
    pub level: VerifyLevel,
    /// Files looked at, each counted once, however many backups name it.
    pub files_checked: u64,
    /// Bytes read, each file counted once.
    pub bytes_checked: u64,
    /// Files that a sample or a limit in time left for another run, and their bytes. They were looked at for their sizes.
    pub files_left: u64,
    /// The bytes of those files.
    pub bytes_left: u64,
    /// When the file of the verified backups was read that was not read for the longest time, in seconds since 1970; `None` if one never
    /// was, or if that is not remembered.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "oldest_verified",
            serialize_with = "crate::engine::info::maybe_time"
        )
    )]
    pub oldest_verified_seconds: Option<i64>,
    /// Bytes of the files that were never read, if that is remembered.
    pub never_verified_bytes: Option<u64>,
    /// Files that backups were made without and that no other backup stores, which were not checked; each counted once.
    pub files_excluded: u64,
    /// The backups, oldest first.
    pub backups: Vec<VerifiedBackup>,
    /// Everything that is wrong: bytes that were read and are not right, and names that are absent.
    pub findings: Vec<VerifyFinding>,
    /// Files that could not be read, of which nothing is known.
    pub unchecked: Vec<UncheckedFile>,
    /// What is in the files that were read, with [`VerifyLevel::Deep`].
    pub contents: Option<VerifiedContents>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl VerifyReport {
    pub(super) fn new(level: VerifyLevel) -> Self {
        VerifyReport {
            level,
            files_checked: 0,
            bytes_checked: 0,
            files_left: 0,
            bytes_left: 0,
            oldest_verified_seconds: None,
            never_verified_bytes: None,
            files_excluded: 0,
            backups: Vec::new(),
            findings: Vec::new(),
            unchecked: Vec::new(),
            contents: (level == VerifyLevel::Deep).then(VerifiedContents::default),
            warnings: Vec::new(),
        }
    }

    /// Whether everything was looked at, and nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.unchecked.is_empty()
    }

    /// Gives each backup the state that the findings make, or the lack of them.
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
        let unchecked: HashSet<BackupId> = self
            .unchecked
            .iter()
            .flat_map(|file| file.backups.iter().copied())
            .collect();
        for backup in &mut self.backups {
            if backup.state == BackupState::Valid && unchecked.contains(&backup.id) {
                backup.state = BackupState::Unchecked;
            }
            let supported = !matches!(backup.state, BackupState::Unsupported(_));
            if let Some(own) = own.remove(&backup.id).filter(|_| supported) {
                backup.state = BackupState::Corrupt(own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_are_in_its_order() {
        let parts = [
            "its checksum is",
            "data block at byte 3977: its checksum is",
            "data block at byte 11932: its checksum is",
            "3 more damaged parts",
        ];
        let mut findings = Findings::default();
        for file in ["b", "a"] {
            for part in parts {
                findings.add(
                    FindingKind::DamagedContents,
                    file.to_owned(),
                    part.to_owned(),
                    [BackupId::FIRST],
                );
            }
        }
        let found: Vec<_> = sorted(findings.found, |_| true).collect();
        let found: Vec<_> = found
            .iter()
            .map(|((file, _, reason), _)| (file.as_str(), reason.as_str()))
            .collect();
        let wanted: Vec<_> = ["a", "b"]
            .iter()
            .flat_map(|file| parts.map(|part| (*file, part)))
            .collect();
        assert_eq!(found, wanted);
    }
}
