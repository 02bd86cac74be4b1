//! Restores that end half-way: what the next one and an abort make of it.

use std::fs;
use std::sync::Arc;

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{abort_restore, plan_abort_restore};
use stonekeep::engine::verify::{VerifyDatabaseOptions, verify_database};
use stonekeep::format::manifest::parse_current;
use stonekeep::{Directory, ErrorKind, Quiet, SourceKind};

use crate::restore::dying_disk::DyingDisk;
use crate::restore::scene::{TwoStates, assert_same, database_files, over, restore_on, tree};
use crate::support::scene;

/// Kills a restore of backup 1 before the first step of this name.
fn kill_before(two: &TwoStates, name: &str, options: &RestoreOptions) {
    let disk = DyingDisk::before(name);
    let _ = restore_on(two, &disk, options);
    assert!(disk.is_dead(), "there is no step {name}");
}

/// Between R4 and R6.
fn kill_in_the_middle(two: &TwoStates) {
    kill_before(two, "rename to 000004.sst", &RestoreOptions::default());
}

#[test]
fn rocksdb_rejects_the_current_of_an_unfinished_restore() {
    let two = over();
    kill_in_the_middle(&two);
    let current = fs::read(two.target().join("CURRENT")).unwrap();
    assert!(parse_current(&current).is_err());
    let text = String::from_utf8(current).unwrap();
    assert!(text.contains("backup 1 of") && text.ends_with('\n'), "{text}");
    // Neither is it taken for a database whose CURRENT is encrypted.
    let source = Directory::new(two.target(), SourceKind::Closed);
    let error = verify_database(&source, &VerifyDatabaseOptions::default(), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().ends_with(" has an unfinished restore"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("restore --abort"), "{error:?}");
}

#[test]
fn only_the_same_backup_finishes_an_unfinished_restore() {
    let two = over();
    kill_in_the_middle(&two);
    let before = tree(&two.target());
    let error = two.restore(2, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("backup 1"), "{error}");
    let elsewhere = RestoreOptions::default().with_wal_dir(Some(two.scene.path("wals")));
    let error = two.restore(1, &elsewhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let error = abort_restore(&two.target(), Some(&two.scene.path("wals"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_same(&tree(&two.target()), &before, "after refusals");

    let which = WhichBackup::LatestValid;
    let plan = two
        .reader()
        .plan_restore(which, &two.target(), &RestoreOptions::default(), &Quiet);
    let plan = plan.unwrap();
    assert!(plan.resumed && !plan.restored);
    assert_same(&tree(&two.target()), &before, "after a dry run");
    let report = two
        .reader()
        .restore_db_from_backup(which, &two.target(), &RestoreOptions::default(), &Quiet)
        .unwrap();
    assert!(report.resumed && report.restored);
    assert_eq!(report.backup_id, scene::id(1));
    assert_eq!(
        (plan.files, plan.bytes_written),
        (report.files, report.bytes_written)
    );
    two.assert_restored(1, "finished");
}

#[test]
fn a_planned_abort_reports_the_old_files_and_moves_nothing() {
    let two = over();
    assert_eq!(
        plan_abort_restore(&two.target(), None).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    kill_in_the_middle(&two);
    let before = tree(&two.target());
    let plan = plan_abort_restore(&two.target(), None).unwrap();
    assert!(plan.rolled_back && plan.files_moved_back > 0);
    assert_same(&tree(&two.target()), &before, "after a dry run");
    let report = abort_restore(&two.target(), None).unwrap();
    assert!(report.rolled_back);
    assert_eq!(report.files_moved_back, plan.files_moved_back);
}

#[test]
fn a_backup_that_was_deleted_meanwhile_can_still_be_finished() {
    let two = over();
    kill_in_the_middle(&two);
    two.store.delete_one(&scene::key("meta/1")).unwrap();
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert!(report.resumed);
    two.assert_restored(1, "from what was staged");
}

#[test]
fn a_complete_restore_is_only_cleaned_up() {
    let two = over();
    kill_before(&two, "rmdir .stonekeep-restore/old", &RestoreOptions::default());
    // Whoever restores it anew needs its tables.
    two.store.delete_one(&scene::key("private/1/CURRENT")).unwrap();
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert!(report.resumed && report.restored);
    assert!(!two.target().join(".stonekeep-restore").exists());
    two.assert_restored(1, "cleaned up");
}

#[test]
fn what_was_done_after_a_restore_is_not_taken_for_the_restore() {
    // The restore was complete, only its remains were still there; then the database was used.
    let two = over();
    kill_before(&two, "rmdir .stonekeep-restore/old", &RestoreOptions::default());
    fs::write(two.target().join("CURRENT"), "MANIFEST-000555\n").unwrap();
    fs::write(two.target().join("000556.log"), "written since").unwrap();
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert!(!report.resumed);
    two.assert_restored(1, "restored anew");

    // Nothing had moved yet; then the old database was used.
    let two = over();
    kill_before(&two, "replace CURRENT", &RestoreOptions::default());
    fs::write(two.target().join("000556.log"), "written since").unwrap();
    two.restore(1, &RestoreOptions::default()).unwrap();
    two.assert_restored(1, "without what was written since");
}

#[test]
fn an_abort_without_an_unfinished_restore_is_not_found() {
    let two = over();
    assert_eq!(
        abort_restore(&two.target(), None).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let nowhere = two.scene.path("nowhere");
    assert_eq!(
        abort_restore(&nowhere, None).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(!nowhere.exists());
    let old = tree(&two.target());
    kill_in_the_middle(&two);
    let report = abort_restore(&two.target(), None).unwrap();
    assert!(report.rolled_back && report.files_moved_back > 0 && report.files_removed > 0);
    assert_same(&tree(&two.target()), &old, "aborted");
    kill_before(
        &two,
        "replace .stonekeep-restore/state",
        &RestoreOptions::default(),
    );
    let report = abort_restore(&two.target(), None).unwrap();
    assert!(!report.rolled_back);
    assert_same(&tree(&two.target()), &old, "aborted before anything moved");
}

#[test]
fn a_log_that_rocksdb_wrote_meanwhile_harms_nothing() {
    let two = over();
    let old = tree(&two.target());
    kill_in_the_middle(&two);
    fs::write(two.target().join("LOG"), "CURRENT file corrupted").unwrap();
    abort_restore(&two.target(), None).unwrap();
    assert_same(&tree(&two.target()), &old, "aborted");

    kill_in_the_middle(&two);
    fs::write(two.target().join("LOG"), "CURRENT file corrupted").unwrap();
    two.restore(1, &RestoreOptions::default()).unwrap();
    two.assert_restored_with(1, "LOG", "finished");
}

#[test]
fn lost_files_are_noticed_before_anything_moves() {
    let two = over();
    kill_in_the_middle(&two);
    let staging = two.target().join(".stonekeep-restore");
    fs::remove_file(staging.join("new/000005.sst")).unwrap();
    let before = tree(&two.target());
    let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.one_line().contains("000005.sst"), "{}", error.one_line());
    fs::remove_file(staging.join("old/000006.sst")).unwrap();
    let error = abort_restore(&two.target(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.one_line().contains("000006.sst"), "{}", error.one_line());
    assert_eq!(tree(&two.target()).len() + 1, before.len(), "nothing has moved");
}

#[test]
fn a_damaged_record_moves_nothing() {
    let two = over();
    kill_in_the_middle(&two);
    let state = two.target().join(".stonekeep-restore/state");
    let whole = fs::read(&state).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"{}\n"] {
        fs::write(&state, damaged).unwrap();
        let before = tree(&two.target());
        let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(
            abort_restore(&two.target(), None).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        assert_same(&tree(&two.target()), &before, "with a damaged record");
    }
    fs::remove_file(&state).unwrap();
    let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "old files without a record");
}

#[test]
fn two_restores_with_one_wal_dir_keep_apart() {
    let two = over();
    let wals = two.scene.path("wals");
    let options = RestoreOptions::default()
        .with_wal_dir(Some(wals.clone()))
        .with_keep_wal_dir(true);
    kill_before(&two, "rename to 000004.sst", &options);
    let other = two.scene.path("other");
    let which = WhichBackup::Latest;
    let error = two
        .reader()
        .restore_db_from_backup(which, &other, &options, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains(two.target().to_str().unwrap()),
        "{error}"
    );
    assert!(!other.exists());
    two.restore(1, &options).unwrap();
    let mut all = database_files(&two.target());
    all.extend(tree(&wals));
    assert_same(&all, &two.states[0], "finished");
}

#[test]
fn names_are_durable_before_the_next_step() {
    let two = over();
    let disk = DyingDisk::immortal();
    restore_on(&two, &disk, &RestoreOptions::default()).unwrap();
    let steps = disk.steps();
    let first = |name: &str| {
        steps
            .iter()
            .position(|step| step == name)
            .expect("a step of that name")
    };
    let last = |name: &str| {
        steps
            .iter()
            .rposition(|step| step == name)
            .expect("a step of that name")
    };
    let synced = |directory: &str, after: usize, before: usize| {
        let name = format!("sync names of {directory}");
        assert!(
            steps[after..before].contains(&name),
            "{name} between {after} and {before}: {steps:#?}"
        );
    };
    let state = first("replace .stonekeep-restore/state");
    synced(
        ".stonekeep-restore/new",
        first("write .stonekeep-restore/new/000004.sst"),
        state,
    );
    synced(".", first("mkdir .stonekeep-restore"), state);
    let marker = first("replace CURRENT");
    synced(".stonekeep-restore", state, marker);
    synced(
        ".stonekeep-restore/old",
        first("duplicate .stonekeep-restore/old/CURRENT"),
        marker,
    );
    let away = first("rename to .stonekeep-restore/old/000004.sst");
    synced(".", marker, away);
    let placed = first("rename to 000004.sst");
    synced(".stonekeep-restore/old", away, placed);
    let commit = last("replace CURRENT");
    synced(".", placed, commit);
    let removal = first("remove .stonekeep-restore/old/000004.sst");
    synced(".", commit, removal);
    synced(
        ".stonekeep-restore",
        removal,
        last("remove .stonekeep-restore/state"),
    );
}

#[test]
fn the_engine_can_be_shared_by_threads() {
    let two = TwoStates::new();
    let reader = Arc::new(two.reader());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (reader, target) = (reader.clone(), two.scene.path(&format!("target{number}")));
            scope.spawn(move || {
                let options = RestoreOptions::default();
                reader
                    .restore_db_from_backup(WhichBackup::Latest, &target, &options, &Quiet)
                    .unwrap();
            });
        }
    });
    for number in 0..4 {
        let files = database_files(&two.scene.path(&format!("target{number}")));
        assert_same(&files, &two.states[1], "side by side");
    }
}
