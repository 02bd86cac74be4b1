//! Folding: what RocksDB would make of edits, and what it would not take.

use std::collections::BTreeSet;

use proptest::prelude::*;

use stonekeep_format::manifest::{
    BlobFileAddition, BlobFileGarbage, ColumnFamilyChange, DatabaseState, DeletedFile, NewFile, VersionEdit,
    WalAddition,
};
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};

use crate::edits;

fn nothing() -> VersionEdit {
    VersionEdit::default()
}

fn of(family: u32, edit: VersionEdit) -> VersionEdit {
    VersionEdit {
        column_family: ColumnFamilyId(family),
        ..edit
    }
}

fn add_family(id: u32) -> VersionEdit {
    let change = ColumnFamilyChange::Add(format!("family {id}").into_bytes());
    of(
        id,
        VersionEdit {
            column_family_change: Some(change),
            ..nothing()
        },
    )
}

fn drop_family(id: u32) -> VersionEdit {
    of(
        id,
        VersionEdit {
            column_family_change: Some(ColumnFamilyChange::Drop),
            ..nothing()
        },
    )
}

fn table(level: u32, number: u64) -> NewFile {
    NewFile {
        level,
        number: FileNumber(number),
        ..NewFile::default()
    }
}

/// A table whose oldest blob file is `blob`.
fn table_with_blob(number: u64, blob: u64) -> NewFile {
    NewFile {
        oldest_blob_file_number: Some(FileNumber(blob)),
        ..table(0, number)
    }
}

fn add_tables(tables: impl IntoIterator<Item = NewFile>) -> VersionEdit {
    VersionEdit {
        new_files: tables.into_iter().collect(),
        ..nothing()
    }
}

fn delete_table(level: u32, number: u64) -> VersionEdit {
    VersionEdit {
        deleted_files: BTreeSet::from([DeletedFile {
            level,
            number: FileNumber(number),
        }]),
        ..nothing()
    }
}

/// Blob files of ten blobs and a hundred bytes each.
fn add_blobs(numbers: impl IntoIterator<Item = u64>) -> VersionEdit {
    let blobs = numbers.into_iter().map(|number| BlobFileAddition {
        number: FileNumber(number),
        total_count: 10,
        total_bytes: 100,
        ..BlobFileAddition::default()
    });
    VersionEdit {
        blob_additions: blobs.collect(),
        ..nothing()
    }
}

fn garbage(number: u64, count: u64, bytes: u64) -> VersionEdit {
    let garbage = BlobFileGarbage {
        number: FileNumber(number),
        count,
        bytes,
        ..BlobFileGarbage::default()
    };
    VersionEdit {
        blob_garbage: vec![garbage],
        ..nothing()
    }
}

fn wal(number: u64, synced_size_bytes: Option<u64>) -> VersionEdit {
    let addition = WalAddition {
        number: FileNumber(number),
        synced_size_bytes,
    };
    VersionEdit {
        wal_additions: vec![addition],
        ..nothing()
    }
}

fn log_number(number: u64) -> VersionEdit {
    VersionEdit {
        log_number: Some(FileNumber(number)),
        ..nothing()
    }
}

fn fold(edits: impl IntoIterator<Item = VersionEdit>) -> DatabaseState {
    let mut state = DatabaseState::default();
    for edit in edits {
        state.apply(edit, 0).unwrap();
    }
    state
}

fn live_blobs(state: &DatabaseState) -> Vec<u64> {
    state
        .live_blobs()
        .map(|live| live.file.addition.number.0)
        .collect()
}

#[test]
fn the_default_column_family_is_always_there() {
    let state = DatabaseState::default();
    let family = &state.column_families()[&ColumnFamilyId::DEFAULT];
    assert_eq!(family.name, b"default");
    assert_eq!(state.min_wal_to_keep(), FileNumber(0));
}

#[test]
fn a_dropped_column_family_drops_its_files() {
    let state = fold([
        add_family(1),
        of(1, add_tables([table_with_blob(5, 6)])),
        of(1, add_blobs([6])),
        add_tables([table(0, 7)]),
        drop_family(1),
    ]);
    let tables: Vec<u64> = state.live_tables().map(|live| live.file.number.0).collect();
    assert_eq!(tables, [7]);
    assert_eq!(live_blobs(&state), []);
    assert_eq!(state.max_column_family(), ColumnFamilyId(1));
}

#[test]
fn a_table_moves_within_one_edit() {
    let mut moving = delete_table(0, 5);
    moving.new_files = vec![table(6, 5)];
    let state = fold([add_tables([table(0, 5)]), moving]);
    assert_eq!(state.live_tables().next().unwrap().file.level, 6);
}

#[test]
fn blobs_below_the_oldest_linked_one_are_dead() {
    let tables = add_tables([table_with_blob(20, 4), table_with_blob(21, 6)]);
    let state = fold([add_blobs([3, 4, 5, 6, 7]), tables]);
    assert_eq!(live_blobs(&state), [4, 5, 6, 7]);
}

#[test]
fn an_unlinked_blob_lives_until_all_of_it_is_garbage() {
    let tables = add_tables([table_with_blob(20, 4), table_with_blob(21, 6)]);
    let wasted = [
        garbage(5, 4, 40),
        garbage(5, 6, 60),
        garbage(6, 10, 100),
        garbage(7, 9, 100),
    ];
    let state = fold([add_blobs([4, 5, 6, 7]), tables].into_iter().chain(wasted));
    assert_eq!(live_blobs(&state), [4, 6, 7], "6 is linked, 7 has a blob left");
}

#[test]
fn without_links_no_blob_lives() {
    let state = fold([
        add_blobs([4, 5]),
        add_tables([table(0, 20), table_with_blob(21, 9)]),
    ]);
    assert_eq!(
        live_blobs(&state),
        [],
        "a link to no blob file of this MANIFEST is none"
    );
    let relinked = fold([
        add_blobs([4]),
        add_tables([table_with_blob(20, 4)]),
        delete_table(0, 20),
    ]);
    assert_eq!(live_blobs(&relinked), []);
}

#[test]
fn wals_are_kept_for_the_column_family_that_is_behind() {
    let state = fold([log_number(9), add_family(1), of(1, log_number(7))]);
    assert_eq!(state.min_wal_to_keep(), FileNumber(7));
    assert_eq!(state.max_log_number(), FileNumber(9));
}

#[test]
fn an_explicit_floor_for_wals_counts_alone() {
    let floor = |number| VersionEdit {
        min_log_number_to_keep: Some(FileNumber(number)),
        ..log_number(9)
    };
    assert_eq!(
        fold([floor(4)]).min_wal_to_keep(),
        FileNumber(4),
        "a prepared transaction"
    );
    assert_eq!(
        fold([floor(6), floor(4)]).min_wal_to_keep(),
        FileNumber(6),
        "it only grows"
    );
    let in_file = NewFile {
        min_log_number_to_keep: Some(FileNumber(8)),
        ..table(0, 5)
    };
    assert_eq!(
        fold([floor(4), add_tables([in_file])]).min_wal_to_keep(),
        FileNumber(8)
    );
    let previous = VersionEdit {
        prev_log_number: Some(FileNumber(3)),
        ..nothing()
    };
    assert_eq!(fold([floor(4), previous]).min_wal_to_keep(), FileNumber(3));
}

#[test]
fn a_log_number_that_goes_back_is_ignored() {
    let state = fold([log_number(9), log_number(4), log_number(9)]);
    assert_eq!(state.min_wal_to_keep(), FileNumber(9));
}

#[test]
fn tracked_wals_follow_their_edits() {
    let delete = VersionEdit {
        wals_deleted_before: Some(FileNumber(5)),
        ..nothing()
    };
    let state = fold([
        wal(4, Some(7)),
        wal(5, None),
        wal(6, Some(1)),
        delete,
        wal(6, Some(3)),
    ]);
    let wals: Vec<_> = state.tracked_wals().iter().collect();
    assert_eq!(wals, [(FileNumber(5), None), (FileNumber(6), Some(3))]);
}

#[test]
fn what_rocksdb_does_not_apply_is_corrupt() {
    let tables = || add_tables([table(1, 5)]);
    let both = |edit: VersionEdit| VersionEdit {
        new_files: vec![table(0, 9)],
        ..edit
    };
    for (edits, reason) in [
        (vec![tables(), tables()], "table 5 is added twice"),
        (
            vec![delete_table(0, 5)],
            "table 5 is deleted, which does not exist",
        ),
        (
            vec![tables(), delete_table(0, 5)],
            "table 5 is deleted on level 0, but is on level 1",
        ),
        (vec![add_blobs([5]), add_blobs([5])], "blob file 5 is added twice"),
        (
            vec![garbage(5, 1, 1)],
            "garbage in blob file 5, which does not exist",
        ),
        (
            vec![add_blobs([5]), garbage(5, 10, 1), garbage(5, 1, 1)],
            "more garbage in blob file 5 than it holds",
        ),
        (
            vec![add_blobs([5]), garbage(5, 1, u64::MAX), garbage(5, 1, u64::MAX)],
            "more garbage in blob file 5 than it holds",
        ),
        (
            vec![add_family(1), add_family(1)],
            "column family 1 is added twice",
        ),
        (vec![add_family(0)], "column family 0 is added twice"),
        (
            vec![drop_family(1)],
            "column family 1 is dropped, which does not exist",
        ),
        (vec![drop_family(0)], "the default column family is dropped"),
        (
            vec![of(1, tables())],
            "column family 1 is changed, which does not exist",
        ),
        (vec![wal(5, None), wal(5, None)], "WAL 5 is created twice"),
        (
            vec![both(add_family(1))],
            "one edit changes column families, WALs or files at once",
        ),
        (
            vec![both(wal(5, None))],
            "one edit changes column families, WALs or files at once",
        ),
    ] {
        let mut state = DatabaseState::default();
        let results: Vec<_> = edits.into_iter().map(|edit| state.apply(edit, 77)).collect();
        let (last, before) = results.split_last().unwrap();
        assert!(
            before.iter().all(Result::is_ok) || reason.starts_with("more"),
            "{reason}"
        );
        let error = last.as_ref().unwrap_err();
        assert_eq!(error.to_string(), format!("MANIFEST at byte 77: {reason}"));
        assert!(!error.is_unsupported());
    }
}

#[test]
fn a_state_is_complete_with_its_three_numbers() {
    let mut state = fold([of(0, log_number(4))]);
    let error = state.check_complete(9).unwrap_err();
    assert_eq!(
        error.to_string(),
        "MANIFEST at byte 9: it ends without a next file number, a last sequence number"
    );
    let rest = VersionEdit {
        next_file_number: Some(FileNumber(5)),
        last_sequence: Some(SequenceNumber(0)),
        ..nothing()
    };
    state.apply(rest, 0).unwrap();
    assert_eq!(state.check_complete(9), Ok(()));
}

proptest! {
    /// Half of the edits are the same as another one, so that they meet.
    #[test]
    fn no_edits_panic(edits in prop::collection::vec(edits::edit(), 0..4)) {
        let mut state = DatabaseState::default();
        for edit in edits.iter().chain(&edits) {
            let _ = state.apply(edit.clone(), 0);
            let _ = state.live_blobs().count() + state.live_tables().count();
            let _ = state.min_wal_to_keep().max(state.max_log_number());
        }
    }
}
