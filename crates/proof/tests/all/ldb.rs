//! The installed `ldb` and the linked RocksDB use the same repositories.

use std::path::Path;

use stonekeep_proof::DatabaseContents;
use stonekeep_proof::engine::{CreateOptions, EngineOptions, RestoreOptions, RocksBackupEngine};
use stonekeep_proof::ldb::Ldb;
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_testkit::skip;

const INSTALL: &str = "no ldb is installed (Debian: apt-get install rocksdb-tools)";

fn expected() -> DatabaseContents {
    let mut contents = DatabaseContents::default();
    contents.put("default", b"a", b"1");
    contents.put("default", b"b", b"2");
    contents.put("second", b"\x00\xff", b"binary");
    contents
}

fn make(ldb: &Ldb, db: &Path) {
    ldb.batchput(db, "default", &[(b"a", b"1"), (b"b", b"2")], &[])
        .unwrap();
    ldb.batchput(db, "second", &[(b"\x00\xff", b"binary")], &[])
        .unwrap();
}

#[test]
fn the_oracle_reads_a_database_of_ldb_as_ldb_does() {
    let test = "the_oracle_reads_a_database_of_ldb_as_ldb_does";
    let Some(ldb) = skip::unless(Ldb::find(), test, INSTALL).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    make(&ldb, root.path());
    let found = oracle::dump(root.path(), &OpenOptions::default()).unwrap();
    oracle::equal(&expected(), &found, "as RocksDB reads it").unwrap();
    oracle::equal(
        &expected(),
        &ldb.contents(root.path()).unwrap(),
        "as ldb reads it",
    )
    .unwrap();
}

#[test]
fn a_backup_of_ldb_is_restored_by_rocksdb() {
    let test = "a_backup_of_ldb_is_restored_by_rocksdb";
    let Some(ldb) = skip::unless(Ldb::find(), test, INSTALL).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let (db, repo, restored) = (
        root.path().join("db"),
        root.path().join("repo"),
        root.path().join("restored"),
    );
    make(&ldb, &db);
    ldb.backup(&db, &repo).unwrap();
    let engine = RocksBackupEngine::open_read_only(&repo, &EngineOptions::default()).unwrap();
    engine
        .restore_latest(&restored, &restored, &RestoreOptions::default())
        .unwrap();
    let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
    oracle::equal(&expected(), &found.contents, "the restored database").unwrap();
}

#[test]
fn a_backup_of_rocksdb_is_restored_by_ldb() {
    let test = "a_backup_of_rocksdb_is_restored_by_ldb";
    let Some(ldb) = skip::unless(Ldb::find(), test, INSTALL).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let (repo, restored) = (root.path().join("repo"), root.path().join("restored"));
    let bench = Workbench::create(makers::by_name("blobs").unwrap(), root.path()).unwrap();
    let engine = RocksBackupEngine::open(&repo, &EngineOptions::default()).unwrap();
    engine.create(bench.db(), &CreateOptions::default()).unwrap();
    ldb.restore(&repo, &restored).unwrap();
    // The older version restores what it could not open.
    let found = oracle::examine(&restored, &OpenOptions::default()).unwrap();
    oracle::equal(bench.contents(), &found.contents, "the restored database").unwrap();
}

#[test]
fn what_ldb_refuses_is_an_error() {
    let test = "what_ldb_refuses_is_an_error";
    let Some(ldb) = skip::unless(Ldb::find(), test, INSTALL).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    assert!(ldb.contents(&root.path().join("nothing")).is_err());
    assert!(
        ldb.restore(&root.path().join("nothing"), &root.path().join("target"))
            .is_err()
    );
}
