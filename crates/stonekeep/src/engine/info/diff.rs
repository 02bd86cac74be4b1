//! What two backups have in common, and what not.

use std::collections::HashMap;

use stonekeep_format::{BackupId, SequenceNumber};

use super::{BackupFileInfo, InfoDetail};
use crate::engine::BackupEngineReadOnly;
use crate::{Error, ErrorKind, Result};

/// Files by their path in the repository: a file of the same path is the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupDiff {
    /// The two backups.
    pub ids: (BackupId, BackupId),
    /// Their sequence numbers.
    pub sequence_numbers: (SequenceNumber, SequenceNumber),
    /// Files that only the first has.
    pub only_a: Vec<BackupFileInfo>,
    /// Files that only the second has.
    pub only_b: Vec<BackupFileInfo>,
    /// Bytes of those that only the first has, as far as sizes are known.
    pub bytes_only_a: u64,
    /// Bytes of those that only the second has, as far as sizes are known.
    pub bytes_only_b: u64,
    /// How many files both have.
    pub both_files: u64,
    /// Their bytes, as far as sizes are known.
    pub both_bytes: u64,
}

impl BackupEngineReadOnly {
    /// Compares two backups by the files that they name.
    ///
    /// # Errors
    /// `NotFound` if one is not there, `Corrupt` or `Unsupported` if its meta file cannot be read.
    pub fn diff(&self, a: BackupId, b: BackupId) -> Result<BackupDiff> {
        let first = self.get_backup_info(a, InfoDetail::Files)?;
        let second = self.get_backup_info(b, InfoDetail::Files)?;
        let sequence_numbers = (first.sequence_number, second.sequence_number);
        let (Some(files_a), Some(files_b)) = (first.files, second.files) else {
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
            ids: (a, b),
            sequence_numbers,
            bytes_only_a: bytes(&only_a),
            bytes_only_b: bytes(&only_b),
            only_a,
            only_b,
            both_files: both.len() as u64,
            both_bytes: bytes(&both),
        })
    }
}

fn bytes(files: &[BackupFileInfo]) -> u64 {
    files.iter().filter_map(|file| file.size_bytes).sum()
}
