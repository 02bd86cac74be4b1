//! The WALs of a database at rest.
//!
//! A database in some state needs every WAL from `min_wal_to_keep` of the MANIFEST on, also an empty one, and every WAL that
//! the MANIFEST tracks (`track_and_verify_wals_in_manifest`).

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::measured_wal::MeasuredWal;
use super::pinned::Pinned;
use super::wal_rules::{first_with_unflushed_data, is_needed};
use super::wal_scan::{Rules, ScannedWals};
use crate::{Error, Result, WarningName};

/// Opens the needed WALs of this directory, oldest first.
pub(super) fn open(state: &DatabaseState, directory: &Listing) -> Result<Vec<MeasuredWal>> {
    let mut wals = Vec::new();
    for number in directory.wal_numbers().filter(|number| is_needed(state, *number)) {
        let path = directory.path.join(DbFileName::Wal(number).to_string());
        let file = Pinned::open(&path)?.ok_or_else(|| {
            Error::source_changed(format!("{} vanished during the capture", path.display()))
        })?;
        wals.push(MeasuredWal::of_file(number, file));
    }
    wals.sort_unstable_by_key(|wal| wal.number);
    Ok(wals)
}

/// Warns of WALs that RocksDB will miss. `was_opened`: the directory, or the one that it is a copy of, was opened as a
/// database.
pub(super) fn judge(wals: &ScannedWals, rules: &Rules<'_>, was_opened: bool, diagnostics: &mut Diagnostics) {
    let message = if wals.is_empty() {
        absence(rules.settings, was_opened)
    } else if was_opened {
        gap(wals, rules.state)
    } else {
        None
    };
    if let Some(message) = message {
        diagnostics.warn(WarningName::WalsMissing, &wals.directory, message);
    }
}

/// RocksDB makes a WAL whenever it opens a database for writing, and leaves it there. A checkpoint and a restored backup
/// may have none.
fn absence(settings: &CaptureOptions, was_opened: bool) -> Option<String> {
    const OPENED: &str = "there is no WAL, though the database was opened: what was not flushed to tables is not in the \
                          backup; if its WALs are elsewhere, pass --wal-dir";
    const REFUSED: &str = "RocksDB will not open the database with track_and_verify_wals";
    match (was_opened, settings.track_and_verify_wals) {
        (true, true) => Some(format!("{OPENED}; {REFUSED}")),
        (true, false) => Some(OPENED.to_owned()),
        (false, true) => Some(format!("there is no WAL: {REFUSED}")),
        (false, false) => None,
    }
}

/// Where the first WAL that the MANIFEST names is absent, the WALs must continue where the tables end. Before RocksDB kept
/// `min_log_number_to_keep` the MANIFEST did not name the first WAL exactly.
fn gap(wals: &ScannedWals, state: &DatabaseState) -> Option<String> {
    if state.min_log_number_to_keep().is_none() || wals.contains(first_with_unflushed_data(state)) {
        return None;
    }
    let in_tables = state.last_sequence().unwrap_or_default();
    let first = wals.first_sequence()?;
    (first.0 > in_tables.0.saturating_add(1)).then(|| {
        format!(
            "the WALs begin with sequence number {first}, but the tables end with {in_tables}: older WALs are absent, or \
             the writes between bypassed the WAL; they are not in the backup"
        )
    })
}
