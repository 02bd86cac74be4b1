//! What two backups have in common, and what not.

use std::collections::HashMap;

use stonekeep_format::{BackupId, SequenceNumber};

use super::{BackupFileInfo, BackupInfo, InfoDetail};
use crate::engine::BackupEngineReadOnly;
use crate::{Error, ErrorKind, Result};

/// Files by their path in the repository: a file of the same path is the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupDiff {
    /// The first backup, with the files that the second does not have.
    pub a: DiffSide,
    /// The second backup, with the files that the first does not have.
    pub b: DiffSide,
    /// How many files both have.
    pub both_files: u64,
    /// Their bytes, as far as sizes are known.
    pub both_bytes: u64,
}

/// One of the two backups of a [`BackupDiff`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DiffSide {
    /// The backup.
    pub id: BackupId,
    /// Its sequence number.
    pub sequence_number: SequenceNumber,
    /// Bytes of the files that it alone has, as far as sizes are known.
    pub bytes_alone: u64,
    /// The files that it alone has.
    pub files_alone: Vec<BackupFileInfo>,
}

impl DiffSide {
    fn new(backup: &BackupInfo, files_alone: Vec<BackupFileInfo>) -> Self {
        DiffSide {
            id: backup.id,
            sequence_number: backup.sequence_number,
            bytes_alone: bytes(&files_alone),
            files_alone,
        }
    }
}

impl BackupEngineReadOnly {
    /// Compares two backups by the files that they name.
    ///
    /// # Errors
    /// `NotFound` if one is not there, `Corrupt` or `Unsupported` if its meta file cannot be read.
    pub fn diff(&self, a: BackupId, b: BackupId) -> Result<BackupDiff> {
        let mut first = self.get_backup_info(a, InfoDetail::Files)?;
        let mut second = self.get_backup_info(b, InfoDetail::Files)?;
        let (Some(files_a), Some(files_b)) = (first.files.take(), second.files.take()) else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("the meta file of backup {a} or {b} cannot be read"),
            ));
        };
        let mut of_b: HashMap<String, BackupFileInfo> = files_b
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect();
        let (both, only_a): (Vec<_>, Vec<_>) = files_a
            .into_iter()
            .partition(|file| of_b.remove(&file.path).is_some());
        let mut only_b: Vec<BackupFileInfo> = of_b.into_values().collect();
        only_b.sort_by(|x, y| x.path.cmp(&y.path));
        Ok(BackupDiff {
            a: DiffSide::new(&first, only_a),
            b: DiffSide::new(&second, only_b),
            both_files: both.len() as u64,
            both_bytes: bytes(&both),
        })
    }
}

fn bytes(files: &[BackupFileInfo]) -> u64 {
    files.iter().filter_map(|file| file.size_bytes).sum()
}
