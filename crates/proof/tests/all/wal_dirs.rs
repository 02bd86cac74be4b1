//! Where a restored database reads its WALs, by its OPTIONS file and by the options that open it.

use std::fs;
use std::path::{Path, PathBuf};

use rocksdb::{DB, Env, Options};
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::engine::{CreateOptions, EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

/// A closed database with its WALs in `root/wal`, and a repository with one backup of it.
fn backed_up(root: &Path) -> ClosedDatabase {
    let closed = Workbench::create(makers::by_name("wal_dir elsewhere").unwrap(), root)
        .unwrap()
        .close();
    ours::back_up(&ours::engine(&root.join("repo")), &closed);
    closed
}

/// `LoadLatestOptions`, then an open with what it says: the keys, and the names in the directory of the WALs before.
fn open_with_its_options(db: &Path) -> stonekeep_proof::DatabaseContents {
    let cache = rocksdb::Cache::new_lru_cache(1 << 20);
    let (options, families) = Options::load_latest(db, Env::new().unwrap(), false, cache).unwrap();
    let names: Vec<String> = families.iter().map(|family| family.name().to_owned()).collect();
    let opened = DB::open_cf_descriptors(&options, db, families).unwrap();
    oracle::contents(&opened, &names).unwrap()
}

fn wals(directory: &Path) -> Vec<PathBuf> {
    let names = judge::names(directory).into_iter();
    let wals = names.filter(|name| name.ends_with(".log"));
    wals.map(|name| directory.join(name)).collect()
}

#[test]
fn the_database_is_captured_with_the_wals_that_its_options_name() {
    let root = tempfile::tempdir().unwrap();
    let closed = backed_up(root.path());
    let source = Directory::new(&closed.path, SourceKind::Closed);
    let report = ours::engine(&root.path().join("repo"))
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let restored = root.path().join("restored");
    restore(
        &root.path().join("repo"),
        2,
        &restored,
        &RestoreOptions::default(),
    );
    let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
    oracle::equal(&closed.contents, &found.contents, "by its OPTIONS").unwrap();
}

#[test]
fn a_restore_that_keeps_wal_dir_warns_of_the_live_wals() {
    let root = tempfile::tempdir().unwrap();
    let closed = backed_up(root.path());
    let live = root.path().join("wal");
    let restored = root.path().join("restored");
    let report = restore(
        &root.path().join("repo"),
        1,
        &restored,
        &RestoreOptions::default().with_keep_wal_dir(true),
    );
    let warned = report
        .warnings
        .iter()
        .find(|warning| warning.message.contains("wal_dir"));
    let warned = warned.unwrap_or_else(|| panic!("no warning: {report:?}"));
    assert!(warned.message.contains(live.to_str().unwrap()), "{warned}");
    // What it warns of: opened with its own OPTIONS, the copy takes the WALs of the original for its own.
    let before = wals(&live);
    oracle::equal(
        &closed.contents,
        &open_with_its_options(&restored),
        "with live WALs",
    )
    .unwrap();
    assert_ne!(wals(&live), before);
}

#[test]
fn a_restored_database_opens_the_restored_wals_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    let closed = backed_up(root.path());
    // A later state of the original must not show.
    let live = root.path().join("wal");
    let mut bench = Workbench::reopen(closed.clone()).unwrap();
    bench.change().unwrap();
    drop(bench);
    let before: Vec<_> = wals(&live).iter().map(|wal| fs::read(wal).unwrap()).collect();
    for wal_dir in [None, Some(root.path().join("new-wal"))] {
        let restored = root.path().join(format!("restored-{}", wal_dir.is_some()));
        let options = RestoreOptions::default().with_wal_dir(wal_dir.clone());
        let report = restore(&root.path().join("repo"), 1, &restored, &options);
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        assert_eq!(wals(wal_dir.as_ref().unwrap_or(&restored)).len(), 1);
        oracle::equal(&closed.contents, &open_with_its_options(&restored), "rewritten").unwrap();
        let after: Vec<_> = wals(&live).iter().map(|wal| fs::read(wal).unwrap()).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn a_copy_without_wals_is_not_backed_up_with_those_of_the_original() {
    let root = tempfile::tempdir().unwrap();
    let repository = root.path().join("repo");
    let engine = RocksBackupEngine::open(&repository, &EngineOptions::default()).unwrap();
    let mut bench = Workbench::create(makers::by_name("wal_dir elsewhere").unwrap(), root.path()).unwrap();
    let flushed = CreateOptions {
        flush_before_backup: true,
        ..CreateOptions::default()
    };
    engine.create(bench.db(), &flushed).unwrap();
    bench.change().unwrap();
    bench.close();
    let copy = root.path().join("copy");
    restore(
        &repository,
        1,
        &copy,
        &RestoreOptions::default().with_keep_wal_dir(true),
    );
    for wal in wals(&copy) {
        fs::remove_file(wal).unwrap();
    }
    let error = ours::engine(&repository)
        .create_new_backup(
            &Directory::new(&copy, SourceKind::Closed),
            &CreateBackupOptions::default(),
            &Quiet,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.hint().unwrap().contains("wal_dir"), "{error:?}");
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in judge::names(from) {
        if from.join(&name).is_file() {
            fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

#[test]
fn a_snapshot_is_backed_up_with_its_own_wals_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let live = root.path().join("live");
    let recipe = makers::by_name("wal_dir elsewhere").unwrap();
    let closed = Workbench::create(recipe, &live).unwrap().close();
    let snapshot = root.path().join("snapshot");
    for name in ["db", "wal"] {
        copy_files(&live.join(name), &snapshot.join(name));
    }
    let mut bench = Workbench::reopen(closed.clone()).unwrap();
    bench.change().unwrap();
    bench.close();
    let repository = root.path().join("repo");
    let back_up = |wal_dir| {
        let source = Directory::new(snapshot.join("db"), SourceKind::Closed).with_wal_dir(wal_dir);
        ours::engine(&repository).create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
    };
    let error = back_up(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let own = snapshot.join("wal");
    assert!(error.hint().unwrap().contains(own.to_str().unwrap()), "{error:?}");
    back_up(Some(own)).unwrap();
    let restored = root.path().join("restored");
    restore(&repository, 1, &restored, &RestoreOptions::default());
    let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
    oracle::equal(&closed.contents, &found.contents, "the snapshot").unwrap();
}
