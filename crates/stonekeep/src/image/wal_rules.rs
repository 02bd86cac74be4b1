//! What RocksDB asks of the WALs of a database when it opens it.

use std::path::Path;

use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::{Replay, SequenceBounds, WalScanner, WalSummary};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::diagnostics::Diagnostics;
use crate::{Error, Observer, Progress, Result, WarningName};

/// Whether a database in this state needs the WAL of this number.
pub(super) fn is_needed(state: &DatabaseState, number: FileNumber) -> bool {
    number >= state.min_wal_to_keep() || state.tracked_wals().contains(number)
}

/// Below this number no WAL holds anything that is not in tables, prepared transactions apart
/// (`DBImpl::SetupLogFilesRecovery`, `db/db_impl/db_impl_open.cc`).
pub(super) fn first_with_unflushed_data(state: &DatabaseState) -> FileNumber {
    let families = state.column_families().values().map(|family| family.log_number);
    families.min().unwrap_or_default().max(state.min_wal_to_keep())
}

/// What is wrong with a tracked WAL.
pub(super) struct TrackedWalComplaint {
    /// Its number.
    pub(super) number: FileNumber,
    /// What is wrong.
    pub(super) message: String,
    /// Whether RocksDB will not open the database for it.
    pub(super) is_grave: bool,
}

/// `WalSet::CheckWals` (`db/wal_edit.cc`): those with a synced size must be there with at least that.
pub(super) fn check_tracked(
    state: &DatabaseState,
    settings: &CaptureOptions,
    size_of: impl Fn(FileNumber) -> Option<u64>,
) -> Vec<TrackedWalComplaint> {
    let synced = state
        .tracked_wals()
        .iter()
        .filter_map(|(number, size)| Some((number, size?)));
    let complaints = synced.filter_map(|(number, synced)| {
        let message = match size_of(number) {
            None => "it is missing, though the MANIFEST tracks it".to_owned(),
            Some(size) if size < synced => {
                format!("{size} bytes, where {synced} were durable by the MANIFEST")
            }
            Some(_) => return None,
        };
        Some(TrackedWalComplaint {
            number,
            message,
            // RocksDB versions that do not track WALs leave stale entries behind.
            is_grave: number >= state.min_wal_to_keep() || settings.track_and_verify_wals_in_manifest,
        })
    });
    complaints.collect()
}

/// The largest last sequence number of these WALs, as far as they tell.
pub(super) fn last_of<'a>(summaries: impl Iterator<Item = &'a WalSummary>) -> Option<SequenceBounds> {
    let bounds = summaries.filter_map(|summary| summary.last_sequence);
    bounds.reduce(|a, b| SequenceBounds {
        lowest: a.lowest.max(b.lowest),
        highest: a.highest.max(b.highest),
    })
}

/// The last sequence number: that of the MANIFEST or that of the last batch, whichever is larger.
pub(super) fn last_sequence(
    state: &DatabaseState,
    newest: Option<SequenceBounds>,
    directory: &Path,
    diagnostics: &mut Diagnostics,
) -> SequenceNumber {
    let last = state.last_sequence().unwrap_or_default();
    let Some(newest) = newest else {
        return last;
    };
    if newest.exact().is_none() && newest.highest > last {
        let message = format!(
            "the last sequence number lies between {} and {}, as far as the WALs tell",
            newest.lowest.max(last),
            newest.highest
        );
        diagnostics.warn(WarningName::SequenceUncertain, directory, message);
    }
    last.max(newest.highest)
}

/// Reads a WAL through. `read` hands its bytes to what it is given, piece by piece.
///
/// # Errors
/// `Corrupt` for batches that RocksDB could not read either, `Unsupported` for those of a newer one.
pub(super) fn summarize(
    number: FileNumber,
    path: &Path,
    replay: &mut Replay,
    (progress, observer): (&mut Progress, &dyn Observer),
    read: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
) -> Result<WalSummary> {
    let name = path.display().to_string();
    let mut scanner = WalScanner::new(number, replay);
    read(&mut |piece| {
        scanner
            .push(piece)
            .map_err(|error| Error::format(name.as_str(), error))?;
        progress.bytes_done += piece.len() as u64;
        observer.progressed(progress);
        Ok(())
    })?;
    Ok(scanner.finish())
}
