//! Restores into directories that are empty, or not there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngine, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Observer, Phase, Progress, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::record_store::RecordStore;

use crate::image::tweaked::Told;
use crate::restore::scene::{TwoStates, database_files, tree};
use crate::support::scene;

#[test]
fn every_state_is_restored_byte_for_byte() {
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
    let options = RestoreOptions::default()
        .with_wal_dir(Some(wal_dir.clone()))
        .with_keep_wal_dir(true);
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
    crate::restore::scene::assert_same(&all, &two.states[1], "both directories together");
}

#[test]
fn a_database_id_that_only_identity_has_is_restored() {
    let two = TwoStates::with(DatabaseBuilder::new().id_in_identity_only());
    two.restore(2, &RestoreOptions::default()).unwrap();
    let identity = fs::read_to_string(two.target().join("IDENTITY")).unwrap();
    assert_eq!(identity, two.scene.database.database_id());
    fs::remove_file(two.target().join("IDENTITY")).unwrap();
    two.assert_restored(2, "without IDENTITY");
}

#[test]
fn a_dry_run_reports_the_same_and_makes_nothing() {
    let two = TwoStates::new();
    let (which, options) = (WhichBackup::Id(scene::id(1)), RestoreOptions::default());
    let record = RecordStore::new(two.store.clone());
    let recorded: Store = record.clone().into();
    let planned = scene::reader(&recorded)
        .plan_restore(which, &two.target(), &options, &Quiet)
        .unwrap();
    assert!(!planned.restored);
    let pins = record.lines().into_iter().filter(|line| line.contains("pin"));
    assert_eq!(pins.count(), 0, "nothing is written into the repository either");
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

#[test]
fn files_belong_to_whom_the_directory_belongs() {
    let two = TwoStates::new();
    fs::create_dir(two.target()).unwrap();
    fs::set_permissions(two.target(), Permissions::from_mode(0o750)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        chown(two.target(), Some(4711), Some(4712)).unwrap();
    }
    two.restore(1, &RestoreOptions::default()).unwrap();
    for name in two.states[0].keys().map(String::as_str).chain(["LOCK"]) {
        let file = fs::metadata(two.target().join(name)).unwrap();
        if is_root {
            assert_eq!(
                (file.uid(), file.gid(), file.mode() & 0o777),
                (4711, 4712, 0o640),
                "{name}"
            )
        } else {
            assert_eq!(file.uid(), rustix::process::geteuid().as_raw(), "{name}")
        }
    }
}

#[test]
fn progress_is_reported_to_the_end() {
    let two = TwoStates::new();
    let told = Told::default();
    let (which, options) = (WhichBackup::Latest, RestoreOptions::default());
    let reader = two.reader();
    let report = reader
        .restore_db_from_backup(which, &two.target(), &options, &told)
        .unwrap();
    let copying = told.of(Phase::Copying);
    let last = copying.last().unwrap();
    assert_eq!(
        (last.files_done, last.files_total),
        (report.files_written, report.files_written)
    );
    assert_eq!(
        (last.bytes_done, last.bytes_total),
        (report.bytes_written, report.bytes_written)
    );
    for phase in [Phase::Planning, Phase::Committing, Phase::Collecting] {
        assert!(!told.of(phase).is_empty(), "{phase:?}");
    }
}

/// Deletes all backups when the first file is about to be copied.
struct Deleter(BackupEngine);

impl Observer for Deleter {
    fn progressed(&self, progress: &Progress) {
        if progress.phase == Phase::Copying
            && progress.files_done == 0
            && !self.0.backup_ids().unwrap().is_empty()
        {
            self.0
                .delete_backups(&[scene::id(1), scene::id(2)], &DeleteOptions::default(), &Quiet)
                .unwrap();
        }
    }
}

#[test]
fn a_backup_that_is_deleted_meanwhile_is_restored_to_the_end() {
    let two = TwoStates::new();
    let deleter = Deleter(BackupEngine::open(scene::options(), two.store.clone()).unwrap());
    let (which, options) = (WhichBackup::Latest, RestoreOptions::default());
    let reader = two.reader();
    reader
        .restore_db_from_backup(which, &two.target(), &options, &deleter)
        .unwrap();
    two.assert_restored(2, "from pinned files");
    assert!(scene::ids(&two.store).is_empty(), "it is deleted");
}
