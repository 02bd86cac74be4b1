//! A backup as `list` and `show` tell of it.

use serde::Serialize;
use stonekeep::engine::info::{BackupFileInfo, BackupInfo, BackupState};
use stonekeep::image::{CaptureKind, ClosingRule, ImageColumnFamily, LiveCapture};

use super::app_metadata::AppMetadata;
use super::json::{FindingJson, WarningJson, findings, warnings};
use super::text::{Cell, Style};
use super::units::{bytes, count, milliseconds, temperature_name, utc_time};

/// A backup in JSON.
#[derive(Serialize)]
pub(crate) struct BackupJson<'a> {
    id: u32,
    state: &'static str,
    findings: Vec<FindingJson>,
    unsupported: Option<&'a str>,
    time: Option<String>,
    timestamp_seconds: i64,
    sequence_number: u64,
    prepared_transactions: u64,
    schema: &'a str,
    number_files: u64,
    excluded_files: u64,
    included_files: u64,
    included_bytes: u64,
    size_bytes: Option<u64>,
    unique_bytes: Option<u64>,
    shared_bytes: Option<u64>,
    app_metadata: Option<&'a str>,
    app_metadata_hex: String,
    app_metadata_bytes: u64,
    database_id: Option<&'a str>,
    column_families: Option<Vec<ColumnFamilyJson<'a>>>,
    rocksdb_version: Option<&'a str>,
    engine: Option<&'a str>,
    capture: Option<String>,
    live: Option<LiveJson>,
    host: Option<&'a str>,
    tags: &'a [String],
    warnings: Vec<WarningJson>,
    created_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileJson<'a>>>,
}

#[derive(Serialize)]
struct ColumnFamilyJson<'a> {
    id: u32,
    name: &'a str,
    comparator: Option<&'a str>,
}

impl<'a> BackupJson<'a> {
    pub(crate) fn new(info: &'a BackupInfo) -> Self {
        let (state, findings, unsupported) = state_parts(&info.state);
        let app_metadata = AppMetadata::new(&info.app_metadata, info.app_metadata_bytes);
        BackupJson {
            id: info.id.get(),
            state,
            findings,
            unsupported,
            time: utc_time(info.timestamp_seconds).filter(|_| !info.schema.is_empty()),
            timestamp_seconds: info.timestamp_seconds,
            sequence_number: info.sequence_number.0,
            prepared_transactions: info.prepared_transactions,
            schema: &info.schema,
            number_files: info.number_files,
            excluded_files: info.excluded_files,
            included_files: info.included_files,
            included_bytes: info.included_bytes,
            size_bytes: info.size_bytes,
            unique_bytes: info.unique_bytes,
            shared_bytes: info.shared_bytes,
            app_metadata: app_metadata.utf8(),
            app_metadata_hex: app_metadata.hex(),
            app_metadata_bytes: app_metadata.size_bytes(),
            database_id: info.database_id.as_deref(),
            column_families: info.column_families.as_ref().map(|families| {
                let json = |family: &'a ImageColumnFamily| ColumnFamilyJson {
                    id: family.id,
                    name: &family.name,
                    comparator: family.comparator.as_deref(),
                };
                families.iter().map(json).collect()
            }),
            rocksdb_version: info.rocksdb_version.as_deref(),
            engine: info.engine.as_deref(),
            capture: info.capture.map(|kind| kind.to_string()),
            live: info.live.map(LiveJson::from),
            host: info.host.as_deref(),
            tags: &info.tags,
            warnings: warnings(&info.capture_warnings),
            created_by: info.created_by.as_deref(),
            files: info.files.as_deref().map(FileJson::all),
        }
    }
}

/// How the capture of a live database came to its close, in JSON.
#[derive(Serialize)]
pub(crate) struct LiveJson {
    rounds: u64,
    rule: String,
    window_us: u64,
    wal_bytes_trimmed: u64,
}

impl From<LiveCapture> for LiveJson {
    fn from(live: LiveCapture) -> Self {
        LiveJson {
            rounds: live.rounds,
            rule: live.rule.to_string(),
            window_us: live.window_us,
            wal_bytes_trimmed: live.wal_bytes_trimmed,
        }
    }
}

/// Transactions without an outcome, in words.
pub(crate) fn prepared_text(transactions: u64) -> String {
    let transactions = count(transactions, "transaction");
    format!("{transactions}, neither committed nor rolled back")
}

/// How the image was taken, in words.
pub(crate) fn capture_text(kind: CaptureKind, live: Option<LiveCapture>) -> String {
    let Some(live) = live else {
        return kind.to_string();
    };
    let window = milliseconds(live.window_us);
    let mut text = format!("{kind}, {}", count(live.rounds, "round"));
    match live.rule {
        ClosingRule::DeletionsDisabled => text += &format!(", file deletions disabled for {window}"),
        rule => text += &format!(", closed in {window} by the {rule} rule"),
    }
    if live.wal_bytes_trimmed > 0 {
        let trimmed = bytes(live.wal_bytes_trimmed);
        text += &format!(", {trimmed} behind the last WAL record left out");
    }
    text
}

/// A file of a backup in JSON.
#[derive(Serialize)]
pub(crate) struct FileJson<'a> {
    path: &'a str,
    restored_name: &'a str,
    size_bytes: Option<u64>,
    crc32c: Option<u32>,
    temperature: Option<&'static str>,
    excluded: bool,
    included: bool,
    shared_with: Vec<u32>,
}

impl<'a> FileJson<'a> {
    pub(crate) fn all(files: &'a [BackupFileInfo]) -> Vec<Self> {
        files.iter().map(Self::new).collect()
    }

    fn new(file: &'a BackupFileInfo) -> Self {
        FileJson {
            path: &file.path,
            restored_name: &file.restored_name,
            size_bytes: file.size_bytes,
            crc32c: file.crc32c,
            temperature: temperature_name(file.temperature),
            excluded: file.excluded,
            included: file.included,
            shared_with: file.shared_with.iter().map(|id| id.get()).collect(),
        }
    }
}

/// The state's name, what is wrong, and why it cannot be read.
pub(crate) fn state_parts(state: &BackupState) -> (&'static str, Vec<FindingJson>, Option<&str>) {
    match state {
        BackupState::Valid => ("valid", Vec::new(), None),
        BackupState::Corrupt(found) => ("corrupt", findings(found), None),
        BackupState::Unsupported(reason) => ("unsupported", Vec::new(), Some(reason)),
        _ => ("unchecked", Vec::new(), None),
    }
}

/// The state in a table, with how many files the backup was made without.
pub(crate) fn state_cell(info: &BackupInfo) -> Cell {
    let style = match info.state {
        BackupState::Valid if info.excluded_files > 0 => Style::Warning,
        BackupState::Valid => Style::Good,
        BackupState::Corrupt(_) => Style::Bad,
        BackupState::Unsupported(_) => Style::Warning,
        _ => Style::Plain,
    };
    let state = state_parts(&info.state).0;
    match info.excluded_files {
        0 => Cell::styled(style, state),
        excluded => Cell::styled(style, format!("{state}, {excluded} excluded")),
    }
}

/// What a meta file says, or that it could not be read.
pub(crate) fn if_read(info: &BackupInfo, text: String) -> String {
    match info.schema.is_empty() {
        true => "?".to_owned(),
        false => text,
    }
}
