//! To whom the files of a restored database belong when root restores them.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::restore::RestoreReport;
use stonekeep::{Quiet, WarningName};
use stonekeep_testkit::skip;

use crate::restore::scene::{TwoStates, copy, tree};

/// Two numbers that are nobody's in particular.
const USER: u32 = 61_001;
const GROUP: u32 = 61_002;

/// Whether this is root; else the test cannot be run.
fn is_root(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip::because(test, "only root can give files to another user").unwrap();
    }
    is_root
}

fn owner(path: &Path) -> (u32, u32) {
    let status = fs::symlink_metadata(path).unwrap();
    (status.uid(), status.gid())
}

fn warns(report: &RestoreReport) -> bool {
    report
        .warnings
        .iter()
        .any(|warning| warning.name == WarningName::Owner)
}

/// A directory that belongs to somebody.
fn place_of_a_user(two: &TwoStates) -> std::path::PathBuf {
    let place = two.scene.path("place");
    fs::create_dir(&place).unwrap();
    chown(&place, Some(USER), Some(GROUP)).unwrap();
    place
}

fn restore(two: &TwoStates, to: &Path, options: &RestoreOptions) -> RestoreReport {
    let which = stonekeep::engine::info::WhichBackup::Latest;
    two.reader()
        .restore_db_from_backup(which, to, options, &Quiet)
        .unwrap()
}

#[test]
fn a_new_directory_belongs_to_the_owner_of_the_one_above() {
    if !is_root("a_new_directory_belongs_to_the_owner_of_the_one_above") {
        return;
    }
    let two = TwoStates::new();
    let place = place_of_a_user(&two);
    let (db, wals) = (place.join("a/b/db"), place.join("wals"));
    let options = RestoreOptions::default().with_wal_dir(Some(wals.clone()));
    let report = restore(&two, &db, &options);
    assert!(!warns(&report), "{:?}", report.warnings);
    let names = tree(&place);
    assert!(names.len() > 8, "{:?}", names.keys());
    for name in names.keys() {
        assert_eq!(owner(&place.join(name)), (USER, GROUP), "{name}");
    }
}

#[test]
fn a_directory_of_roots_in_a_users_place_is_warned_of() {
    if !is_root("a_directory_of_roots_in_a_users_place_is_warned_of") {
        return;
    }
    let two = TwoStates::new();
    let place = place_of_a_user(&two);
    let db = place.join("db");
    fs::create_dir(&db).unwrap();
    let which = stonekeep::engine::info::WhichBackup::Latest;
    let planned = two
        .reader()
        .plan_restore(which, &db, &RestoreOptions::default(), &Quiet);
    assert!(warns(&planned.unwrap()));
    let report = restore(&two, &db, &RestoreOptions::default());
    assert!(warns(&report), "{:?}", report.warnings);
    assert_eq!(owner(&db.join("CURRENT")), (0, 0));
    // Below a directory of root's own that is as it should be.
    let own = two.scene.path("own");
    fs::create_dir(&own).unwrap();
    assert!(!warns(&restore(&two, &own, &RestoreOptions::default())));
}

#[test]
fn files_that_lose_their_owner_are_warned_of() {
    if !is_root("files_that_lose_their_owner_are_warned_of") {
        return;
    }
    let two = TwoStates::new();
    let db = two.target();
    copy(two.scene.database.path(), &db);
    for name in tree(&db).keys() {
        chown(db.join(name), Some(USER), Some(GROUP)).unwrap();
    }
    assert!(warns(&restore(&two, &db, &RestoreOptions::default())));
    // Once the directory is the user's, so are the files.
    chown(&db, Some(USER), Some(GROUP)).unwrap();
    restore(&two, &db, &RestoreOptions::default());
    assert_eq!(owner(&db.join("CURRENT")), (USER, GROUP));
    assert!(!warns(&restore(&two, &db, &RestoreOptions::default())));
}
