//! A database that a process has open is not backed up as closed, and not restored over.

use std::path::Path;

use stonekeep::engine::CreateBackupOptions;
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};
use stonekeep_proof::oracle;

use crate::ours;
use crate::second_process;

/// A closed database that is backed up once, and changed since.
fn backed_up(root: &Path) -> ClosedDatabase {
    let closed = Workbench::create(makers::by_name("column families").unwrap(), root)
        .unwrap()
        .close();
    ours::back_up(&ours::engine(&root.join("repo")), &closed);
    let mut bench = Workbench::reopen(closed).unwrap();
    bench.change().unwrap();
    bench.close()
}

/// Neither verb touches the database; the message names who has it.
fn both_are_refused(root: &Path, holder: &str) {
    let engine = ours::engine(&root.join("repo"));
    let source = Directory::new(root.join("db"), SourceKind::Closed);
    let backup = engine
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(backup.kind(), ErrorKind::Refused, "{backup:?}");
    assert!(backup.to_string().contains(holder), "{backup}");
    let restore = engine
        .restore_db_from_backup(
            WhichBackup::Latest,
            &root.join("db"),
            &RestoreOptions::default(),
            &Quiet,
        )
        .unwrap_err();
    assert_eq!(restore.kind(), ErrorKind::Locked, "{restore:?}");
    assert!(restore.to_string().contains(holder), "{restore}");
    assert_eq!(engine.backup_ids().unwrap().len(), 1);
}

#[test]
fn a_database_that_another_process_has_open() {
    let root = tempfile::tempdir().unwrap();
    let closed = backed_up(root.path());
    let holder = second_process::open(&closed.path).unwrap();
    both_are_refused(root.path(), "process");
    drop(holder);
    let found = oracle::dump(&closed.path, &closed.options).unwrap();
    oracle::equal(&closed.contents, &found, "after the refusals").unwrap();
    ours::back_up(&ours::engine(&root.path().join("repo")), &closed);
}

#[test]
fn a_database_that_this_process_has_open_stays_locked() {
    let root = tempfile::tempdir().unwrap();
    let bench = Workbench::reopen(backed_up(root.path())).unwrap();
    both_are_refused(root.path(), "this process");
    // Opening LOCK here, and closing it, would have given up RocksDB's lock.
    let refused = second_process::open(bench.path()).err().unwrap();
    assert!(refused.contains("lock"), "{refused}");
    let closed = bench.close();
    let found = oracle::dump(&closed.path, &closed.options).unwrap();
    oracle::equal(&closed.contents, &found, "after the refusals").unwrap();
}

#[test]
fn a_database_that_was_killed_is_at_rest() {
    let root = tempfile::tempdir().unwrap();
    let closed = backed_up(root.path());
    // Opening moved the contents of its WAL into tables. The killed process leaves a LOCK file without a lock.
    drop(second_process::open(&closed.path).unwrap());
    let repository = root.path().join("repo");
    let report = ours::back_up(&ours::engine(&repository), &closed);
    let recorded = crate::judge::Recorded {
        id: 2,
        contents: closed.contents,
        sequence: report.sequence_number.0,
    };
    crate::restoring::restores_all(&repository, &[recorded], "after a kill");
}
