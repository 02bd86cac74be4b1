//! The plan of a collection: what it removes, what it leaves for which reason.

use std::fmt;
use std::ops::AddAssign;
use std::time::{Duration, SystemTime};

use stonekeep_format::BackupId;

use crate::store::Key;
use crate::{Error, Warning};

/// What a collection may take.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The present time.
    pub now: SystemTime,
    /// Files of unknown origin have to be unchanged for so long.
    pub min_age: Duration,
    /// Whether what killed runs have staged and published stays for the next backup.
    pub keep_unfinished: bool,
}

/// Why a file is garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GarbageKind {
    /// A deleted backup named it, and no other one does.
    Unreferenced,
    /// A killed run of ours left it.
    LeftOver,
    /// No record has its origin, and it has not been changed for a while.
    UnknownOrigin,
}

/// A file to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// The file.
    pub key: Key,
    /// Its length.
    pub size_bytes: u64,
    /// Why it goes.
    pub kind: GarbageKind,
}

/// So many files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Total {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl AddAssign for Total {
    fn add_assign(&mut self, other: Total) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Total {
    /// Counts one more.
    pub fn add(&mut self, size_bytes: u64) {
        self.files += 1;
        self.bytes += size_bytes;
    }
}

/// What a killed run has staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The area.
    pub name: String,
    /// What is in it, its journal left out.
    pub total: Total,
    /// Whether its journal names files that the next backup can use.
    pub resumable: bool,
}

/// Files that only a reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldByPin {
    /// The backup that is read although it is deleted.
    pub backup_id: BackupId,
    /// How many files stay for it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A deleted backup whose files stay, so that it can be undeleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeptForUndelete {
    /// The backup.
    pub backup_id: BackupId,
    /// Until when, in seconds since 1970, UTC; `None` if that cannot be read, and is never over.
    pub until_seconds: Option<i64>,
    /// How many files stay only for that.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A backup that keeps every shared file, since nobody can read which of them it names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RetainingBackup {
    /// The backup.
    pub id: BackupId,
    /// Why its meta file cannot be read.
    pub reason: String,
}

impl RetainingBackup {
    /// What the user can do.
    pub fn hint(&self) -> String {
        format!("`delete {}` releases it", self.id)
    }
}

impl fmt::Display for RetainingBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "retained because of meta/{}: {}; {}",
            self.id,
            self.reason,
            self.hint()
        )
    }
}

/// What a collection removes, in this order, and what it leaves.
#[derive(Debug, Default)]
pub struct GarbagePlan {
    /// Shared files.
    pub shared: Vec<Garbage>,
    /// Files in the private directories of backups that are not there.
    pub private: Vec<Garbage>,
    /// Those directories.
    pub private_directories: Vec<BackupId>,
    /// Those of them that cannot be listed, and why.
    pub unlistable: Vec<(BackupId, Error)>,
    /// Files of the application that belong to backups which do not exist.
    pub included: Vec<Garbage>,
    /// Their directories, those further down first.
    pub included_directories: Vec<Key>,
    /// Facts.
    pub facts: Vec<Garbage>,
    /// Staging areas.
    pub areas: Vec<Area>,
    /// Records and deadlines of deleted backups whose files are all gone then.
    pub records: Vec<Key>,
    /// The id to be claimed first: no other trace of it, nor of a larger one, is left.
    pub claim: Option<BackupId>,
    /// Claims of ids that are smaller than the largest claimed one.
    pub claims: Vec<Key>,
    /// What readers keep.
    pub held_by_pins: Vec<HeldByPin>,
    /// What deadlines keep.
    pub kept_for_undelete: Vec<KeptForUndelete>,
    /// Backups that cannot be read.
    pub retaining_backups: Vec<RetainingBackup>,
    /// Shared files that stay only because of those.
    pub retained: Total,
    /// What stays for the next backup to go on with.
    pub unfinished: Total,
    /// Files and directories of unknown origin that somebody may be writing.
    pub too_young: u64,
    /// Names that no repository has, left alone.
    pub unknown_files: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}
