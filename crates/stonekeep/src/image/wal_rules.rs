//! What RocksDB asks of the WALs of a database when it opens it.

use stonekeep_format::FileNumber;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;

/// Whether a database in this state needs the WAL of this number.
pub(super) fn is_needed(state: &DatabaseState, number: FileNumber) -> bool {
    number >= state.min_wal_to_keep() || state.tracked_wals().contains(number)
}

/// Below this number no WAL holds anything that is not in tables, prepared transactions apart
/// (`DBImpl::SetupLogFilesRecovery`, `db/db_impl/db_impl_open.cc`).
pub(super) fn first_with_unflushed_data(state: &DatabaseState) -> FileNumber {
    lowest_log_number(state).max(state.min_wal_to_keep())
}

/// The smallest log number of the column families.
pub(super) fn lowest_log_number(state: &DatabaseState) -> FileNumber {
    let families = state.column_families().values().map(|family| family.log_number);
    families.min().unwrap_or_default()
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
