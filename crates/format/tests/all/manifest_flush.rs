//! What flushes in a MANIFEST show of writes that were in no WAL.

use stonekeep_format::manifest::{ColumnFamilyChange, DatabaseState, NewFile, VersionEdit};
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};

/// An edit as a running database writes it: with a next file number.
fn edit() -> VersionEdit {
    VersionEdit {
        next_file_number: Some(FileNumber(100)),
        last_sequence: Some(SequenceNumber(0)),
        ..VersionEdit::default()
    }
}

fn table(number: u64, largest_seqno: u64) -> NewFile {
    NewFile {
        number: FileNumber(number),
        largest_seqno: SequenceNumber(largest_seqno),
        ..NewFile::default()
    }
}

fn flush(log: u64, table: NewFile) -> VersionEdit {
    VersionEdit {
        log_number: Some(FileNumber(log)),
        new_files: vec![table],
        ..edit()
    }
}

/// A state of these edits.
fn state(edits: impl IntoIterator<Item = VersionEdit>) -> DatabaseState {
    let mut state = DatabaseState::default();
    for edit in edits {
        state.apply(edit, 0).unwrap();
    }
    state
}

/// Whether a state is seen to be written without WAL, by the MANIFEST with this number and without any WAL.
fn is_seen(edits: impl IntoIterator<Item = VersionEdit>, manifest: u64) -> bool {
    state(edits)
        .written_without_wal(FileNumber(manifest), None)
        .is_some()
}

#[test]
fn two_flushes_with_one_log_number_are_seen() {
    let first = flush(8, table(9, 10));
    assert!(!is_seen([first.clone()], 1));
    assert!(is_seen([first.clone(), flush(8, table(10, 20))], 1));
    // A later flush that goes on in another WAL proves nothing new.
    let edits = [first.clone(), flush(8, table(10, 20)), flush(11, table(12, 30))];
    assert!(!is_seen(edits, 1));
}

#[test]
fn a_flush_from_the_wal_that_its_column_family_began_with_is_seen() {
    let added = VersionEdit {
        column_family: ColumnFamilyId(1),
        column_family_change: Some(ColumnFamilyChange::Add(b"other".to_vec())),
        log_number: Some(FileNumber(4)),
        ..edit()
    };
    let flushed = VersionEdit {
        column_family: ColumnFamilyId(1),
        ..flush(4, table(9, 10))
    };
    let state = state([added, flushed]);
    let family = state.written_without_wal(FileNumber(1), None).unwrap();
    assert_eq!(family.name, b"other");
}

#[test]
fn the_first_wal_of_a_session_is_below_the_manifest_that_the_session_began() {
    let session = || [edit(), flush(4, table(8, 10))];
    assert!(is_seen(session(), 5));
    // A WAL that a memtable switch began has a higher number.
    assert!(!is_seen([edit(), flush(6, table(8, 10))], 5));
    // What opening makes of old WALs is written before the MANIFEST.
    assert!(!is_seen([edit(), flush(4, table(3, 10))], 5));
}

#[test]
fn a_manifest_begun_in_the_middle_of_a_session_has_no_first_wal() {
    let begun_by = |first: VersionEdit| is_seen([first, flush(4, table(8, 10))], 5);
    assert!(begun_by(edit()));
    let compaction = VersionEdit {
        new_files: vec![table(3, 1)],
        ..edit()
    };
    let of_wals = VersionEdit {
        wals_deleted_before: Some(FileNumber(2)),
        ..edit()
    };
    let of_limits = VersionEdit {
        min_log_number_to_keep: Some(FileNumber(2)),
        ..edit()
    };
    for first in [compaction, of_wals, of_limits] {
        assert!(!begun_by(first.clone()), "{first:?}");
    }
}

#[test]
fn what_a_manifest_begins_with_is_no_flush() {
    let snapshot = VersionEdit {
        next_file_number: None,
        ..flush(8, table(9, 10))
    };
    assert!(is_seen([snapshot.clone(), flush(8, table(10, 20))], 1));
    let again = VersionEdit {
        log_number: None,
        ..flush(8, table(10, 20))
    };
    assert!(!is_seen([snapshot, again], 1), "an ingestion has no log number");
}

/// `RepairDB` writes log number 0 (`db/repair.cc`).
#[test]
fn log_number_0_proves_nothing() {
    let flushes = [flush(0, table(9, 10)), flush(0, table(10, 20))];
    assert!(!is_seen(flushes, 1));
}

#[test]
fn a_flush_that_is_ahead_of_the_wals_is_seen() {
    let state = state([flush(8, table(9, 10))]);
    let seen = |newest| {
        let newest = Some(SequenceNumber(newest));
        state.written_without_wal(FileNumber(1), newest).is_some()
    };
    assert!(seen(9) && !seen(10) && !seen(11));
}
