//! Restores into directories that are empty, or not there.

use std::fs;

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::restore_scene::{TwoStates, database_files, tree};
use crate::scene;

#[test]
fn every_state_comes_back_byte_for_byte() {
    let two = TwoStates::new();
    for id in [1, 2] {
        let report = two.restore(id, &RestoreOptions::default()).unwrap();
        two.assert_restored(id, "a restore into an empty directory");
        let files = &two.states[id as usize - 1];
        assert!(report.restored && !report.resumed);
        assert_eq!(report.backup_id, scene::id(id));
        assert_eq!(report.files_written, files.len() as u64);
        assert_eq!(
            report.bytes_written,
            files.values().map(|bytes| bytes.len() as u64).sum::<u64>()
        );
        assert_eq!((report.files_kept, report.files_moved_away), (0, 0));
        assert!(report.unverifiable.is_empty() && report.left_alone.is_empty());
        fs::remove_dir_all(two.target()).unwrap();
    }
}

#[test]
fn directories_are_made_and_wals_go_where_they_belong() {
    let two = TwoStates::new();
    let (target, wal_dir) = (two.scene.path("a/b/target"), two.scene.path("c/wals"));
    let options = RestoreOptions::default().with_wal_dir(Some(wal_dir.clone()));
    let report = two
        .reader()
        .restore_db_from_backup(WhichBackup::Latest, &target, &options, &Quiet)
        .unwrap();
    assert_eq!(report.backup_id, scene::id(2));
    let (files, wals) = (database_files(&target), tree(&wal_dir));
    assert!(wals.keys().all(|name| name.ends_with(".log")) && !wals.is_empty());
    assert!(files.keys().all(|name| !name.ends_with(".log")));
    let mut all = files;
    all.extend(wals);
    crate::restore_scene::assert_same(&all, &two.states[1], "both directories together");
}

#[test]
fn the_id_comes_back_where_only_identity_had_it() {
    let two = TwoStates::with(DatabaseBuilder::new().id_in_identity_only());
    two.restore(2, &RestoreOptions::default()).unwrap();
    let identity = fs::read_to_string(two.target().join("IDENTITY")).unwrap();
    assert_eq!(identity, two.scene.database.database_id());
    fs::remove_file(two.target().join("IDENTITY")).unwrap();
    two.assert_restored(2, "without IDENTITY");
}

#[test]
fn a_dry_run_tells_the_same_and_makes_nothing() {
    let two = TwoStates::new();
    let (which, options) = (WhichBackup::Id(scene::id(1)), RestoreOptions::default());
    let planned = two
        .reader()
        .plan_restore(which, &two.target(), &options, &Quiet)
        .unwrap();
    assert!(!planned.restored);
    assert!(!two.target().exists());
    let done = two.restore(1, &options).unwrap();
    assert_eq!(planned.files, done.files);
    assert_eq!(planned.bytes_written, done.bytes_written);
}

#[test]
fn a_backup_that_is_not_there_leaves_no_trace() {
    let two = TwoStates::new();
    let error = two.restore(7, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!two.target().exists());
}
