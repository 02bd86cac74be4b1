//! A backup as `list` and `show` describe it.

use stonekeep::engine::info::{BackupInfo, BackupState};
use stonekeep::image::{CaptureKind, ClosingRule, LiveCapture};

use super::text::{Cell, Style};
use super::units::{bytes, count, local_time, milliseconds};

/// Transactions without an outcome, in words.
pub(crate) fn prepared_text(transactions: u64) -> String {
    let transactions = count(transactions, "transaction");
    format!("{transactions}, neither committed nor rolled back")
}

/// Since when all files have been verified, in words, or how much never was.
pub(crate) fn verified_text(oldest_seconds: Option<i64>, never_bytes: Option<u64>) -> String {
    match (oldest_seconds, never_bytes) {
        (Some(seconds), _) => format!("all verified since {}", local_time(seconds)),
        (None, Some(never)) => format!("{} never verified", bytes(never)),
        (None, None) => "not known when it was verified".to_owned(),
    }
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

/// The state in a table, with how many files the backup was made without.
pub(crate) fn state_cell(info: &BackupInfo) -> Cell {
    let style = match info.state {
        BackupState::Valid if info.excluded_files > 0 => Style::Warning,
        BackupState::Valid => Style::Good,
        BackupState::Corrupt(_) => Style::Bad,
        BackupState::Unsupported(_) => Style::Warning,
        _ => Style::Plain,
    };
    let mut state = info.state.name().to_owned();
    if info.excluded_files > 0 {
        state += &format!(", {} excluded", info.excluded_files);
    }
    if info.hold.is_some() {
        state += ", held";
    }
    Cell::styled(style, state)
}

/// A value from a meta file, or a mark that it could not be read.
pub(crate) fn if_read(info: &BackupInfo, text: String) -> String {
    if info.schema.is_empty() {
        "?".to_owned()
    } else {
        text
    }
}
