//! Restores that keep the WALs of the target (`keep_log_files`).

use std::fs;
use std::path::Path;

use stonekeep::engine::RestoreOptions;
use stonekeep_proof::DatabaseContents;
use stonekeep_proof::engine::{CreateOptions, EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, Recipe, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// WALs that are not needed any more go to `archive/` and stay there.
const ARCHIVING: &str = "WAL_ttl_seconds=100000;disable_auto_compactions=true";

/// A database whose backup has no WALs, with later writes in WALs that are archived or in use.
fn later_writes(root: &Path) -> DatabaseContents {
    let recipe = Recipe {
        options: ARCHIVING,
        ..makers::by_name("column families").unwrap()
    };
    let without_wals = ours::options().with_backup_log_files(false);
    let closed = Workbench::create(recipe, root).unwrap().close();
    ours::back_up(&ours::engine_with(&root.join("repo"), without_wals), &closed);
    let mut bench = Workbench::reopen(closed).unwrap();
    bench.change().unwrap();
    bench.flush_all().unwrap();
    bench.change().unwrap();
    bench.close().contents
}

fn lose_tables(db: &Path) {
    for name in judge::names(db) {
        if name.ends_with(".sst") || name.starts_with("MANIFEST") {
            fs::remove_file(db.join(name)).unwrap();
        }
    }
}

#[test]
fn kept_and_archived_wals_are_replayed_over_the_backup() {
    let root = tempfile::tempdir().unwrap();
    let contents = later_writes(root.path());
    let db = root.path().join("db");
    assert!(!judge::names(&db.join("archive")).is_empty());
    lose_tables(&db);
    let options = RestoreOptions::default().with_keep_log_files(true);
    restore(&root.path().join("repo"), 1, &db, &options);
    let found = oracle::examine(&db, &OpenOptions::default()).unwrap();
    oracle::equal(&contents, &found.contents, "with every WAL").unwrap();
}

#[test]
fn without_the_option_wals_of_the_target_are_gone() {
    let root = tempfile::tempdir().unwrap();
    let contents = later_writes(root.path());
    let db = root.path().join("db");
    restore(&root.path().join("repo"), 1, &db, &RestoreOptions::default());
    let found = oracle::examine(&db, &OpenOptions::default()).unwrap();
    assert!(contents.difference(&found.contents).is_some());
    let theirs = root.path().join("by-rocksdb");
    let none = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(&root.path().join("repo"))
        .restore(1, &theirs, &theirs, &none)
        .unwrap();
    let expected = oracle::dump(&theirs, &OpenOptions::default()).unwrap();
    oracle::equal(&expected, &found.contents, "as RocksDB restores it").unwrap();
}

#[test]
fn a_wal_of_the_target_wins_over_the_backups() {
    let root = tempfile::tempdir().unwrap();
    let repository = root.path().join("repo");
    let engine = RocksBackupEngine::open(&repository, &EngineOptions::default()).unwrap();
    let mut bench = Workbench::create(makers::by_name("column families").unwrap(), root.path()).unwrap();
    engine.create(bench.db(), &CreateOptions::default()).unwrap();
    bench.change().unwrap();
    let closed = bench.close();
    let common: Vec<String> = judge::names(&repository.join("private/1"))
        .intersection(&judge::names(&closed.path))
        .filter(|name| name.ends_with(".log"))
        .cloned()
        .collect();
    let (ours, theirs) = (root.path().join("ours"), root.path().join("theirs"));
    for copy in [&ours, &theirs] {
        judge::copy(&closed.path, copy);
    }
    let options = RestoreOptions::default().with_keep_log_files(true);
    let report = restore(&repository, 1, &ours, &options);
    let keep = stonekeep_proof::engine::RestoreOptions {
        keep_log_files: true,
        ..stonekeep_proof::engine::RestoreOptions::default()
    };
    engine.restore(1, &theirs, &theirs, &keep).unwrap();
    // The header promises that WALs of the target are not overwritten. RocksDB's engine overwrites one that the backup
    // has too, and loses what was written into it later; ours does what the header says.
    let lost = oracle::dump(&theirs, &OpenOptions::default()).unwrap();
    assert!(closed.contents.difference(&lost).is_some());
    assert_eq!(report.wal_files_kept, common);
    let found = oracle::examine(&ours, &OpenOptions::default()).unwrap();
    oracle::equal(&closed.contents, &found.contents, "with kept WALs").unwrap();
}
