//! Information about backups, as plain data.

#[cfg(feature = "serde")]
use serde::ser::SerializeStruct;
use stonekeep_format::backup_meta::MetaHead;
use stonekeep_format::{BackupId, SequenceNumber, Temperature};

#[cfg(feature = "serde")]
use super::json;
use crate::image::{CaptureKind, ImageColumnFamily, LiveCapture};
use crate::repo::catalog::LoadedMeta;
use crate::repo::described::Described;
use crate::repo::facts::BackupFacts;
use crate::repo::holds::Hold;
use crate::repo::included::bytes_of;
use crate::repo::layout;
use crate::{Error, ErrorKind, Finding, Warning, WarningName};

/// This much is kept of application metadata that are larger than RocksDB writes.
const SHOWN_BYTES: usize = 1024;

/// How much is looked at for a [`BackupInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum InfoDetail {
    /// The meta file alone, and our facts: no file of the backup is looked at, so it is [`BackupState::Unchecked`].
    Head,
    /// The files are looked at, one listing a directory; what backups share is counted, for which every meta file is read.
    Sizes,
    /// The list of files too.
    Files,
}

/// Whether a backup is right, as far as was looked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupState {
    /// Nobody looked.
    Unchecked,
    /// What was looked at is right, and nothing else is known.
    Valid,
    /// Its meta file is damaged, or files are missing or wrong, also as an earlier verification found.
    Corrupt(Vec<Finding>),
    /// Its meta file needs a newer program; the reason.
    Unsupported(String),
}

impl BackupState {
    /// Whether nothing speaks against it, as far as was looked.
    pub fn may_be_valid(&self) -> bool {
        matches!(self, BackupState::Unchecked | BackupState::Valid)
    }

    /// The name of the state: `unchecked`, `valid`, `corrupt` or `unsupported`.
    pub fn name(&self) -> &'static str {
        match self {
            BackupState::Unchecked => "unchecked",
            BackupState::Valid => "valid",
            BackupState::Corrupt(_) => "corrupt",
            BackupState::Unsupported(_) => "unsupported",
        }
    }
}

/// The name of the state with the findings and the reason, each as a field of its own.
#[cfg(feature = "serde")]
impl serde::Serialize for BackupState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let findings = match self {
            BackupState::Corrupt(findings) => findings.as_slice(),
            _ => &[],
        };
        let unsupported = match self {
            BackupState::Unsupported(reason) => Some(reason),
            _ => None,
        };
        let mut fields = serializer.serialize_struct("BackupState", 3)?;
        fields.serialize_field("state", self.name())?;
        fields.serialize_field("findings", findings)?;
        fields.serialize_field("unsupported", &unsupported)?;
        fields.end()
    }
}

/// `rocksdb::BackupInfo`, and what RocksDB does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupInfo {
    /// `backup_id`
    pub id: BackupId,
    /// Whether it is right.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub state: BackupState,
    /// `timestamp`: seconds since 1970, UTC.
    #[cfg_attr(feature = "serde", serde(flatten, serialize_with = "json::time"))]
    pub timestamp_seconds: i64,
    /// The last sequence number in it: exact where our facts have it, and with [`InfoDetail::Files`], for which the
    /// backup's MANIFEST and WALs are read then; else the meta file's, which RocksDB calls approximate.
    pub sequence_number: SequenceNumber,
    /// Transactions that are prepared in its WALs, and neither committed nor rolled back; 0 if no record has their number.
    pub prepared_transactions: u64,
    /// The schema of the meta file, as "1" or "2.1".
    pub schema: String,
    /// `number_files`: without excluded ones.
    pub number_files: u64,
    /// Files that the backup was made without (`excluded_files`).
    pub excluded_files: u64,
    /// Files of the application that the backup includes; they do not count among the others.
    pub included_files: u64,
    /// Their bytes, which are counted in the sizes of the backup.
    pub included_bytes: u64,
    /// `size`: bytes of all files; `None` if it is not known of all.
    pub size_bytes: Option<u64>,
    /// Bytes of files that no other backup names: what deleting it alone would free.
    pub unique_bytes: Option<u64>,
    /// Bytes of files that other backups name too.
    pub shared_bytes: Option<u64>,
    /// `app_metadata`; of more than 1 MiB, which RocksDB does not write, the first 1,024 bytes.
    #[cfg_attr(feature = "serde", serde(flatten, serialize_with = "json::app_metadata"))]
    pub app_metadata: Vec<u8>,
    /// How many bytes of it the meta file has.
    pub app_metadata_bytes: u64,
    /// The id of the database.
    pub database_id: Option<String>,
    /// Its column families.
    pub column_families: Option<Vec<ImageColumnFamily>>,
    /// The RocksDB version that wrote its OPTIONS file.
    pub rocksdb_version: Option<String>,
    /// The engine that wrote the database, if that is known to be a relative of RocksDB's.
    pub engine: Option<String>,
    /// How the image was taken, if by us.
    pub capture: Option<CaptureKind>,
    /// How the capture of a database that was being written came to its close.
    pub live: Option<LiveCapture>,
    /// The machine that made the backup.
    pub host: Option<String>,
    /// The user's words.
    pub tags: Vec<String>,
    /// What the user was warned of when the backup was made, if by us.
    #[cfg_attr(feature = "serde", serde(rename = "warnings"))]
    pub capture_warnings: Vec<Warning>,
    /// How long the backup took until just before its commit, in milliseconds, if that is recorded.
    pub duration_ms: Option<u64>,
    /// The program that made the backup, if ours.
    pub created_by: Option<String>,
    /// That an operator holds it; not looked at with [`InfoDetail::Head`].
    pub hold: Option<Hold>,
    /// When the file of it was verified that was not verified for the longest time, in seconds since 1970, never later than now; `None` if
    /// one never was, or if that is not known, as with [`InfoDetail::Head`].
    #[cfg_attr(
        feature = "serde",
        serde(rename = "oldest_verified", serialize_with = "json::maybe_time")
    )]
    pub oldest_verified_seconds: Option<i64>,
    /// Since when some byte of it was not verified, in seconds since 1970: the oldest of the times at which its files were verified, and of
    /// its own time if some never were; `None` if that is not known.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "unverified_since", serialize_with = "json::maybe_time")
    )]
    pub unverified_since_seconds: Option<i64>,
    /// Bytes of its files that were never verified, if that is known.
    pub never_verified_bytes: Option<u64>,
    /// When the last drill of the repository found nothing wrong, in seconds since 1970, if it was one of this backup.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "last_drill", serialize_with = "json::maybe_time")
    )]
    pub last_drill_seconds: Option<i64>,
    /// The files, where they were asked for.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub files: Option<Vec<BackupFileInfo>>,
    /// What the user should know of it, though it is no damage.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub warnings: Vec<Warning>,
}

/// One file of a backup (`rocksdb::BackupFileInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupFileInfo {
    /// Its path in the repository (`relative_filename`).
    pub path: String,
    /// The name that it is restored under.
    pub restored_name: String,
    /// Its length; `None` if no record has it.
    pub size_bytes: Option<u64>,
    /// CRC-32C of its bytes; schema 2 may lack it.
    pub crc32c: Option<u32>,
    /// Its temperature in the database.
    pub temperature: Temperature,
    /// Whether the backup was made without it.
    pub excluded: bool,
    /// Whether it is a file of the application.
    pub included: bool,
    /// The other backups that name it.
    pub shared_with: Vec<BackupId>,
}

/// All backups of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepositoryInfo {
    /// The place.
    #[cfg_attr(feature = "serde", serde(rename = "repository"))]
    pub location: String,
    /// The backups, oldest first, corrupt ones too.
    pub backups: Vec<BackupInfo>,
    /// Names in `meta/` that are no backup.
    #[cfg_attr(feature = "serde", serde(rename = "strangers"))]
    pub unknown_files: Vec<String>,
    /// Bytes of all files that readable backups name, each counted once; `None` where they were not looked at.
    pub total_bytes: Option<u64>,
    /// When the file of these backups was verified that was not verified for the longest time, in seconds since 1970, never later than now; `None` if
    /// one never was, or if that is not known, as with [`InfoDetail::Head`].
    #[cfg_attr(
        feature = "serde",
        serde(rename = "oldest_verified", serialize_with = "json::maybe_time")
    )]
    pub oldest_verified_seconds: Option<i64>,
    /// Bytes of their files that were never verified, if that is known.
    pub never_verified_bytes: Option<u64>,
    /// When the last drill, of any backup, found nothing wrong, in seconds since 1970; `None` if there was none, or if that is not known.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "last_drill", serialize_with = "json::maybe_time")
    )]
    pub last_drill_seconds: Option<i64>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// The information about a backup whose meta file cannot be read.
pub(super) fn unreadable(id: BackupId, error: &Error) -> BackupInfo {
    let state = match error.kind() {
        ErrorKind::Unsupported => BackupState::Unsupported(error.one_line()),
        _ => BackupState::Corrupt(error.findings().to_vec()),
    };
    BackupInfo {
        state,
        ..BackupInfo::blank(id)
    }
}

impl BackupInfo {
    /// What a meta file and our facts about it say; no file of the backup is looked at.
    pub(crate) fn of(loaded: &LoadedMeta, facts: Option<&BackupFacts>) -> Self {
        head(loaded, facts, None)
    }

    fn blank(id: BackupId) -> Self {
        BackupInfo {
            id,
            state: BackupState::Unchecked,
            timestamp_seconds: 0,
            sequence_number: SequenceNumber(0),
            schema: String::new(),
            app_metadata: Vec::new(),
            app_metadata_bytes: 0,
            number_files: 0,
            excluded_files: 0,
            included_files: 0,
            included_bytes: 0,
            size_bytes: None,
            unique_bytes: None,
            shared_bytes: None,
            database_id: None,
            column_families: None,
            rocksdb_version: None,
            engine: None,
            prepared_transactions: 0,
            capture: None,
            live: None,
            host: None,
            tags: Vec::new(),
            capture_warnings: Vec::new(),
            duration_ms: None,
            created_by: None,
            hold: None,
            oldest_verified_seconds: None,
            unverified_since_seconds: None,
            never_verified_bytes: None,
            last_drill_seconds: None,
            files: None,
            warnings: Vec::new(),
        }
    }
}

/// The information in our records.
pub(super) fn head(
    loaded: &LoadedMeta,
    facts: Option<&BackupFacts>,
    described: Option<&Described>,
) -> BackupInfo {
    let head = &loaded.meta.head;
    let excluded_files = loaded.meta.files.iter().filter(|file| file.excluded).count() as u64;
    let mut info = BackupInfo {
        timestamp_seconds: head.timestamp_seconds(),
        sequence_number: head.sequence_number(),
        schema: head.schema.to_string(),
        app_metadata: shown_app_metadata(head),
        app_metadata_bytes: head.app_metadata.len() as u64 + head.app_metadata_omitted_bytes,
        number_files: loaded.meta.files.len() as u64 - excluded_files,
        excluded_files,
        warnings: garbage(loaded),
        ..BackupInfo::blank(loaded.id)
    };
    if let Some(facts) = facts {
        info.sequence_number = SequenceNumber(facts.sequence_number);
        info.database_id = facts.database_id.clone();
        info.column_families = Some(facts.column_families.clone());
        info.rocksdb_version = facts.rocksdb_version.clone();
        info.engine = facts.engine.clone();
        info.prepared_transactions = facts.prepared_transactions;
        info.capture = Some(facts.capture);
        info.live = facts.live;
        info.host = facts.host.clone();
        info.included_files = facts.included.len() as u64;
        info.included_bytes = bytes_of(&facts.included);
        info.tags = facts.tags.clone();
        info.capture_warnings = facts.warnings.clone();
        info.duration_ms = facts.took_ms;
        info.created_by = Some(facts.created_by.clone());
    }
    if let Some(described) = described {
        info.database_id = described.database_id();
        info.column_families = described.column_families();
        info.rocksdb_version = described.rocksdb_version.clone();
    }
    info
}

/// All of it, or the beginning up to a whole character if there is more than RocksDB writes.
fn shown_app_metadata(head: &MetaHead) -> Vec<u8> {
    if head.app_metadata_omitted_bytes == 0 {
        return head.app_metadata.clone();
    }
    let shown = head.app_metadata.get(..SHOWN_BYTES).unwrap_or(&head.app_metadata);
    let end = match std::str::from_utf8(shown) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => shown.len(),
    };
    shown[..end].to_vec()
}

/// Warnings about numbers that are no plain numbers: RocksDB reads any text as one.
fn garbage(loaded: &LoadedMeta) -> Vec<Warning> {
    let head = &loaded.meta.head;
    let numbers = [
        ("timestamp", &head.timestamp),
        ("sequence number", &head.sequence),
    ];
    let wrong = numbers.iter().filter_map(|(what, number)| {
        let message = format!(
            "the {what} is {:?}, which RocksDB takes for {}",
            number.garbage()?,
            number.value()
        );
        Some(Warning::about(
            WarningName::MetaNumbers,
            layout::meta(loaded.id).to_string(),
            message,
        ))
    });
    wrong.collect()
}
