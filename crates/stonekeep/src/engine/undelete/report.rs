//! What undeleting did, and what can be undeleted.

use stonekeep_format::BackupId;

use crate::engine::info::BackupInfo;

/// What undeleting did.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UndeleteReport {
    /// The backup.
    pub backup_id: BackupId,
    /// Its files, all of which were read.
    pub files_checked: u64,
    /// Their bytes.
    pub bytes_checked: u64,
}

/// A deleted backup that can be undeleted.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeletedBackup {
    /// Until when its files stay, in seconds since 1970, UTC; `None` if that cannot be read.
    pub until_seconds: Option<i64>,
    /// Whether that is over: the next collection removes the files.
    pub is_over: bool,
    /// What its meta file and our facts say of it. Its files have not been looked at.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub info: BackupInfo,
}
