//! What deletions, purges, collections remove, keep, report.

use std::collections::BTreeSet;
use std::time::Duration;

use stonekeep::engine::collect::{CollectReport, DEFAULT_MIN_AGE, DeleteOptions, GarbageKind};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions, MetaSchema};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Observer, Phase, Progress, Quiet, StopSwitch};
use stonekeep_testkit::record_store::RecordStore;

use crate::collect::scene::*;

const FIRST: (u32, &[u64]) = (1, &[1, 2, 3]);
const SECOND: (u32, &[u64]) = (2, &[2, 3, 4]);
const THIRD: (u32, &[u64]) = (3, &[3, 4, 5]);

fn put_three(store: &Store) {
    for (backup, tables) in [FIRST, SECOND, THIRD] {
        put_our_backup(store, backup, tables);
    }
}

fn deleted(report: &CollectReport) -> Vec<u32> {
    report.deleted_backups.iter().map(|id| id.get()).collect()
}

fn deleted_paths(report: &CollectReport) -> BTreeSet<String> {
    report
        .deleted_files
        .iter()
        .map(|file| file.path.clone())
        .collect()
}

fn assert_clean(engine: &BackupEngine) {
    let report = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn a_deleted_backup_takes_along_what_it_alone_names() {
    let (_, store) = memory();
    put_three(&store);
    let engine = engine(&store);
    let planned = engine.plan_delete_backup(id(1), &Quiet).unwrap();
    assert!(!planned.done);
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));

    let report = engine.delete_backup(id(1), &Quiet).unwrap();
    assert!(report.done);
    assert_eq!(deleted(&report), [1]);
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
    let gone = ["000005", "000006"].len();
    assert_eq!(report.deleted_files.len(), 1 + 3 + gone - 1, "{report:?}");
    assert!(
        report
            .deleted_files
            .iter()
            .all(|file| file.why == GarbageKind::Unreferenced)
    );
    let bytes: u64 = report.deleted_files.iter().map(|file| file.size_bytes).sum();
    assert_eq!(report.freed_bytes, bytes);
    assert_eq!(deleted_paths(&planned), deleted_paths(&report));
    assert_eq!(planned.freed_bytes, report.freed_bytes);
    assert_clean(&engine);
}

#[test]
fn one_in_the_middle_goes_and_its_neighbours_stay_whole() {
    let (_, store) = memory();
    put_three(&store);
    engine(&store).delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[FIRST, THIRD]));
    assert_clean(&engine(&store));
}

#[test]
fn several_are_deleted_at_once_and_none_if_one_is_missing() {
    let (_, store) = memory();
    put_three(&store);
    let error = engine(&store)
        .delete_backups(&[id(1), id(7)], &DeleteOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no backup 7"), "{error}");
    assert_eq!(
        engine(&store)
            .plan_delete_backup(id(7), &Quiet)
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));

    let report = engine(&store)
        .delete_backups(&[id(3), id(1), id(3)], &DeleteOptions::default(), &Quiet)
        .unwrap();
    assert_eq!(deleted(&report), [1, 3]);
    assert_eq!(files(&store), files_of(&[SECOND]));
    assert_clean(&engine(&store));
}

#[test]
fn the_last_backup_leaves_nothing_behind() {
    let (_, store) = memory();
    put_our_backup(&store, 1, &[1, 2]);
    engine(&store).delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(files(&store), BTreeSet::new());
}

#[test]
fn a_purge_keeps_the_newest() {
    let (_, store) = memory();
    put_three(&store);
    let engine = engine(&store);
    let report = engine.purge_old_backups(3, &Quiet).unwrap();
    assert_eq!(deleted(&report), [0_u32; 0]);
    assert_eq!(
        deleted(&engine.plan_purge_old_backups(1, &Quiet).unwrap()),
        [1, 2]
    );
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));
    let report = engine.purge_old_backups(1, &Quiet).unwrap();
    assert_eq!(deleted(&report), [1, 2]);
    assert_eq!(files(&store), files_of(&[THIRD]));
    assert_clean(&engine);
    assert_eq!(deleted(&engine.purge_old_backups(0, &Quiet).unwrap()), [3]);
    assert_eq!(files(&store), BTreeSet::new());
}

#[test]
fn a_purge_neither_counts_nor_deletes_corrupt_backups() {
    let (_, store) = memory();
    for (backup, tables) in [FIRST, SECOND, THIRD, (4, &[4, 5, 6]), (5, &[5, 6, 7])] {
        put_our_backup(&store, backup, tables);
    }
    // A file of the newest is missing, one of the oldest has another length.
    store.delete_one(&key(&table_path(7))).unwrap();
    store.delete_one(&key("private/1/CURRENT")).unwrap();
    put(&store, "private/1/CURRENT", b"MANIFEST-000005\n\n");
    let report = engine(&store).purge_old_backups(2, &Quiet).unwrap();
    assert_eq!(deleted(&report), [2]);
    let ids = engine(&store).backup_ids().unwrap();
    assert_eq!(ids, [id(1), id(3), id(4), id(5)]);
    // What is left of corrupt backups is all that a repair has to work with.
    for path in [table_path(1), table_path(2), "private/5/CURRENT".into()] {
        assert!(store.stat(&key(&path)).unwrap().is_some(), "{path}");
    }
}

#[test]
fn nothing_to_collect_is_no_error() {
    let (_, store) = memory();
    put_three(&store);
    for report in [
        engine(&store).garbage_collect(Duration::ZERO, &Quiet).unwrap(),
        engine(&store)
            .plan_garbage_collect(DEFAULT_MIN_AGE, &Quiet)
            .unwrap(),
    ] {
        assert_eq!(report.deleted_files, []);
        assert_eq!(report.warnings, []);
        assert_eq!(report.unknown_files, [""; 0]);
    }
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));
}

#[test]
fn where_there_is_no_repository_none_is_made() {
    let (_, store) = memory();
    for error in [
        engine(&store).delete_backup(id(1), &Quiet).unwrap_err(),
        engine(&store).purge_old_backups(1, &Quiet).unwrap_err(),
        engine(&store)
            .garbage_collect(DEFAULT_MIN_AGE, &Quiet)
            .unwrap_err(),
        engine(&store)
            .plan_garbage_collect(DEFAULT_MIN_AGE, &Quiet)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert_eq!(store.list(None).unwrap(), []);
}

#[test]
fn destroying_old_data_deletes_all_backups_before_the_engine_is_there() {
    let (_, store) = memory();
    put_three(&store);
    put(&store, "meta/7", b"no meta file at all\n");
    put_private(&store, 9);
    put_table(&store, 99);
    put(&store, "shared_checksum/notes.txt", b"a stranger");
    let options = BackupEngineOptions::default().with_destroy_old_data(true);
    let engine = BackupEngine::open(options.clone(), store.clone()).unwrap();
    assert_eq!(engine.backup_ids().unwrap(), []);
    let left: Vec<String> = files(&store).into_iter().collect();
    assert_eq!(left, ["shared_checksum/notes.txt"]);

    let (_, empty) = memory();
    BackupEngine::open(options.clone(), empty.clone()).unwrap();
    assert_eq!(empty.list(None).unwrap(), []);
    put(&empty, "photos/1", b"nothing of a repository's");
    let refused = BackupEngine::open(options, empty.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(files(&empty).len(), 1);
}

#[test]
fn who_holds_the_lock_keeps_collectors_out() {
    let (_, store) = memory();
    put_three(&store);
    let wait = stonekeep::store::LockWait::Fail;
    let guard = store.lease(wait, "the other one", &|| false).unwrap();
    let error = engine(&store).delete_backup(id(1), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("the other one"), "{error}");
    // A dry run changes nothing, so it needs no lock.
    engine(&store).plan_delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));
    drop(guard);
    engine(&store).delete_backup(id(1), &Quiet).unwrap();
}

#[test]
fn a_stop_request_ends_cleanly_and_the_next_run_goes_on() {
    let (_, store) = memory();
    put_three(&store);
    let engine = engine(&store);
    let switch = StopSwitch::new();
    switch.stop();
    let error = engine.purge_old_backups(1, &switch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(files(&store), files_of(&[FIRST, SECOND, THIRD]));
    switch.reset();
    engine.purge_old_backups(1, &switch).unwrap();
    assert_eq!(files(&store), files_of(&[THIRD]));
}

/// Stops as soon as files begin to go.
#[derive(Default)]
struct StopsInTheMiddle(StopSwitch);

impl Observer for StopsInTheMiddle {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Collecting {
            self.0.stop();
        }
    }

    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}

#[test]
fn a_deletion_that_is_stopped_in_the_middle_is_finished_by_whatever_comes_next() {
    let (_, store) = memory();
    put_three(&store);
    let observer = StopsInTheMiddle::default();
    let error = engine(&store).delete_backup(id(1), &observer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(engine(&store).backup_ids().unwrap(), [id(2), id(3)]);
    let report = engine(&store).purge_old_backups(2, &Quiet).unwrap();
    assert_eq!((report.deleted_files.len(), deleted(&report).len()), (5, 0));
    assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
}

#[test]
fn the_commit_is_durable_and_first_also_without_sync() {
    for sync in [true, false] {
        let (_, inner) = memory();
        put_three(&inner);
        let record = RecordStore::new(inner.clone());
        let options = BackupEngineOptions::default().with_sync(sync);
        let engine = BackupEngine::open(options, record.clone()).unwrap();
        engine.delete_backup(id(1), &Quiet).unwrap();
        let changes: Vec<String> = record
            .lines()
            .into_iter()
            .filter(|line| {
                ["copy", "persist files", "persist names meta", "delete", "discard"]
                    .iter()
                    .any(|word| line.starts_with(word))
            })
            .collect();
        let order = [
            ("copy meta/1 stonekeep/deleted/1-", ""),
            ("persist files stonekeep/deleted/1-", "(Durable)"),
            ("delete meta/1", ""),
            ("persist names meta", "(Durable)"),
            ("delete shared_checksum/", ""),
        ];
        for (change, (start, end)) in changes.iter().zip(order) {
            assert!(change.starts_with(start) && change.ends_with(end), "{changes:?}");
        }
        assert!(
            changes.last().unwrap().starts_with("delete stonekeep/deleted/1-"),
            "{changes:?}"
        );
    }
}

#[test]
fn a_deletion_that_ended_after_its_commit_can_be_asked_for_again() {
    let (_, store) = memory();
    put_three(&store);
    stonekeep::repo::garbage::withdraw(&store, &[id(2)].into(), None, &|| Ok(())).unwrap();
    let planned = engine(&store).plan_delete_backup(id(2), &Quiet).unwrap();
    let report = engine(&store).delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(deleted(&report), [2]);
    assert_eq!(deleted_paths(&planned), deleted_paths(&report));
    assert_eq!(files(&store), files_of(&[FIRST, THIRD]));
    let error = engine(&store).delete_backup(id(2), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_backup_under_a_reused_id_is_not_taken_for_the_deleted_one() {
    let (_, store) = memory();
    put_three(&store);
    stonekeep::repo::garbage::withdraw(&store, &[id(3)].into(), None, &|| Ok(())).unwrap();
    // RocksDB's engine removes private/3 and gives the id to its next backup.
    for name in ["CURRENT", "MANIFEST-000005", "000006.log"] {
        store.delete_one(&key(&format!("private/3/{name}"))).unwrap();
    }
    put_backup(&store, 3, &[4, 6]);
    engine(&store).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
    assert_clean(&engine(&store));
    let mut expected = files_of(&[FIRST, SECOND, (3, &[4, 6])]);
    // Facts of the old one: they belong to no meta file, and go with the backup.
    assert!(expected.contains("stonekeep/backups/3"));
    assert_eq!(files(&store), expected);
    engine(&store).delete_backup(id(3), &Quiet).unwrap();
    expected = files_of(&[FIRST, SECOND]);
    assert_eq!(files(&store), expected);
}

#[test]
fn collection_works_whatever_the_present_options_are() {
    let plain = BackupEngineOptions::default;
    for options in [
        plain().with_share_table_files(false),
        plain().with_share_files_with_checksum(false),
        plain().with_backup_log_files(false),
        plain().with_schema_version(MetaSchema::Two),
    ] {
        let (_, store) = memory();
        put_three(&store);
        put(&store, "shared/000107.sst", b"of no backup");
        let engine = BackupEngine::open(options, store.clone()).unwrap();
        engine.delete_backup(id(1), &Quiet).unwrap();
        engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        assert_eq!(files(&store), files_of(&[SECOND, THIRD]));
        assert_clean(&engine);
    }
}
