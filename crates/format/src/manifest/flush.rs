//! What flushes show about writes that bypassed the WALs (`WriteOptions::disableWAL`).
//!
//! A memtable switch begins a new WAL if the present one holds anything (`DBImpl::SwitchMemtable`,
//! `db/db_impl/db_impl_write.cc`), and the flush of that memtable says from which WAL its column family continues
//! (`FlushJob::PickMemTable`, `db/flush_job.cc`). So what was written between two flushes that name the same WAL is in no WAL:
//! that one was empty at both. The flush of an idle database names a new and empty WAL as well, but a higher one.
//!
//! The first flush after the database was opened has no predecessor. Opening makes the first WAL of the session, then a
//! MANIFEST with a higher number (`DBImpl::Open`, `db/db_impl/db_impl_open.cc`); every WAL that a memtable switch begins has
//! a number higher than both, and so has every table that is written by the session. So a flush of the session that names a WAL below such a MANIFEST
//! names the first WAL of the session, and that was empty until then.

use crate::{FileNumber, SequenceNumber};

use super::edit::VersionEdit;

/// The last flush of a column family in the MANIFEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush {
    /// The WAL from which the column family continues: earlier WALs hold nothing for it.
    pub log_number: FileNumber,
    /// The smallest number of its tables.
    pub table: FileNumber,
    /// The largest sequence number in its tables.
    pub largest_seqno: SequenceNumber,
    /// The column family went on from that very WAL before it.
    pub repeats_log_number: bool,
}

impl Flush {
    /// The flush in this edit of a column family, which had `known_log_number` before. The snapshot of a column family
    /// at the beginning of a MANIFEST looks like a flush, but has no next file number
    /// (`VersionSet::WriteCurrentStateToManifest`, `db/version_set.cc`).
    pub(super) fn of(edit: &VersionEdit, known_log_number: FileNumber) -> Option<Flush> {
        let log_number = edit.log_number?;
        let is_flush = edit.next_file_number.is_some() && edit.deleted_files.is_empty();
        let table = edit.new_files.iter().map(|file| file.number).min();
        let largest_seqno = edit.new_files.iter().map(|file| file.largest_seqno).max();
        table
            .zip(largest_seqno)
            .filter(|_| is_flush)
            .map(|(table, largest_seqno)| Flush {
                log_number,
                table,
                largest_seqno,
                repeats_log_number: log_number == known_log_number && log_number != FileNumber(0),
            })
    }

    /// Whether it is one of the session that began `opened_with`, a MANIFEST, and names the first WAL of that session.
    pub(super) fn names_first_wal_of(&self, opened_with: FileNumber) -> bool {
        self.log_number != FileNumber(0) && self.log_number < opened_with && opened_with < self.table
    }
}

/// Whether an edit that is the first after the column families of a MANIFEST is one of opening the database: it changes nothing
/// but numbers. Any other process that begins a MANIFEST has a change to write.
pub(super) fn is_of_opening(edit: &VersionEdit) -> bool {
    let brings_files = !edit.new_files.is_empty() || !edit.blob_additions.is_empty();
    let takes_files = !edit.deleted_files.is_empty() || !edit.blob_garbage.is_empty();
    let changes_wals = !edit.wal_additions.is_empty() || edit.wals_deleted_before.is_some();
    let sets_wal_floor = edit.wal_floor().is_some() || edit.full_history_ts_low.is_some();
    !(brings_files || takes_files || changes_wals || sets_wal_floor || edit.column_family_change.is_some())
}
