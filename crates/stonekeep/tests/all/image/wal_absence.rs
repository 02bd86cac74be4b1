//! A database that was opened has WALs; where they are absent, that is reported.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use stonekeep::WarningName;
use stonekeep::image::DatabaseImage;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::image::capture::{copy_files, database, image, refusal, wals, warning_names};

/// A database with a table and a WAL, and a copy of it without WALs.
fn copy_without_wals(builder: DatabaseBuilder) -> (tempfile::TempDir, FakeDatabase, std::path::PathBuf) {
    let (directory, mut database) = database(builder);
    database.flush(3_000);
    database.write(5);
    let copy = directory.path().join("copy");
    copy_files(database.path(), &copy);
    for wal in wals(&image(database.path())) {
        fs::remove_file(copy.join(wal)).unwrap();
    }
    (directory, database, copy)
}

fn remove(directory: &Path, names: &[&str]) {
    for name in names {
        fs::remove_file(directory.join(name)).unwrap();
    }
}

#[track_caller]
fn is_silent(image: &DatabaseImage) {
    assert!(wals(image).is_empty());
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
}

#[test]
fn a_copy_of_an_opened_database_without_its_wals_is_warned_of() {
    let (_directory, database, copy) = copy_without_wals(DatabaseBuilder::new());
    assert!(image(database.path()).warnings.is_empty());
    let captured = image(&copy);
    assert_eq!(warning_names(&captured), [WarningName::WalsMissing]);
    assert!(
        captured.warnings[0].message.contains("--wal-dir"),
        "{:?}",
        captured.warnings
    );
    // The messages go elsewhere (`db_log_dir`), or were left out.
    remove(&copy, &["LOG"]);
    assert_eq!(warning_names(&image(&copy)), [WarningName::WalsMissing]);
}

#[test]
fn a_wal_dir_that_is_empty_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let wal_dir = directory.path().join("wals");
    let builder = DatabaseBuilder::new().wal_dir(&wal_dir);
    let mut database = builder.create(&directory.path().join("db"));
    database.write(3);
    let wal = database.wal_path(database.wal_number());
    fs::rename(&wal, directory.path().join("elsewhere")).unwrap();
    let captured = image(database.path());
    assert_eq!(warning_names(&captured), [WarningName::WalsMissing]);
    assert_eq!(captured.warnings[0].about.as_deref(), wal_dir.to_str());
    // An obsolete one, as a mount point may have from before, does not help.
    database.flush(3_000);
    fs::rename(directory.path().join("elsewhere"), &wal).unwrap();
    fs::remove_file(database.wal_path(database.wal_number())).unwrap();
    assert_eq!(warning_names(&image(database.path())), [WarningName::WalsMissing]);
}

#[test]
fn a_tracked_wal_that_is_absent_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let wal_dir = directory.path().join("wals");
    let builder = DatabaseBuilder::new().track_wals().wal_dir(&wal_dir);
    let mut database = builder.create(&directory.path().join("db"));
    database.write(3);
    let tracked = database.wal_path(database.wal_number());
    database.switch_wal();
    fs::remove_file(&tracked).unwrap();
    fs::remove_file(database.wal_path(database.wal_number())).unwrap();
    let error = refusal(database.path());
    assert_eq!(error.kind(), stonekeep::ErrorKind::Corrupt);
    assert_eq!(error.findings()[0].file, tracked.display().to_string());
}

#[test]
fn a_checkpoint_that_was_never_opened_may_have_no_wal() {
    let (_directory, _database, copy) = copy_without_wals(DatabaseBuilder::new());
    remove(&copy, &["LOCK", "LOG", "IDENTITY"]);
    is_silent(&image(&copy));
}

#[test]
fn a_checkpoint_that_was_only_read_may_have_no_wal() {
    let (_directory, _database, copy) = copy_without_wals(DatabaseBuilder::new());
    remove(&copy, &["LOCK", "IDENTITY"]);
    assert_eq!(warning_names(&image(&copy)), [WarningName::WalsMissing]);
    let log = "SST files in db dir, Total Num: 1, files: \n[db_impl_readonly.cc:24] Opening the db in read only mode\n";
    fs::write(copy.join("LOG"), log).unwrap();
    is_silent(&image(&copy));
}

#[test]
fn a_restored_copy_that_was_never_opened_may_have_no_wal() {
    // A restore makes a LOCK, and an IDENTITY for a database that has its id there alone.
    let (_directory, _database, copy) = copy_without_wals(DatabaseBuilder::new());
    remove(&copy, &["LOG", "IDENTITY"]);
    is_silent(&image(&copy));
    let (_directory, _database, copy) = copy_without_wals(DatabaseBuilder::new().id_in_identity_only());
    remove(&copy, &["LOG"]);
    is_silent(&image(&copy));
}

#[test]
fn the_log_of_what_was_restored_over_does_not_count() {
    let (_directory, _database, copy) = copy_without_wals(DatabaseBuilder::new());
    remove(&copy, &["IDENTITY"]);
    assert_eq!(warning_names(&image(&copy)), [WarningName::WalsMissing]);
    let earlier = SystemTime::now() - Duration::from_secs(3_600);
    let log = File::options().write(true).open(copy.join("LOG")).unwrap();
    log.set_times(FileTimes::new().set_modified(earlier)).unwrap();
    is_silent(&image(&copy));
}

#[test]
fn an_empty_database_lacks_nothing() {
    let (_directory, database) = database(DatabaseBuilder::new());
    let captured = image(database.path());
    assert!(captured.warnings.is_empty(), "{:?}", captured.warnings);
    assert_eq!(wals(&captured).len(), 1);
}

#[test]
fn older_wals_that_are_absent_are_warned_of() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.flush(3_000);
    database.write(5);
    let older = database.wal_number();
    database.switch_wal();
    database.write(5);
    assert!(image(database.path()).warnings.is_empty());
    fs::remove_file(database.wal_path(older)).unwrap();
    let captured = image(database.path());
    assert_eq!(warning_names(&captured), [WarningName::WalsMissing]);
    assert!(
        captured.warnings[0].message.contains("older WALs"),
        "{:?}",
        captured.warnings
    );
    // What is in tables needs no WAL.
    database.flush(3_000);
    database.write(1);
    assert!(image(database.path()).warnings.is_empty());
    database.reopen();
    database.write(1);
    assert!(image(database.path()).warnings.is_empty());
}
