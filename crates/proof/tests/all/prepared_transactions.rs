//! Prepared transactions that are not committed are in WALs older than those that any column family needs.

use std::path::Path;

use rocksdb::{Options, TransactionDB, TransactionDBOptions, TransactionOptions, WriteOptions};
use stonekeep::Quiet;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep::image::{Directory, SourceKind};

use crate::judge;
use crate::ours;
use crate::restoring::restore;

fn open(path: &Path) -> TransactionDB {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_paranoid_checks(true);
    TransactionDB::open(&options, &TransactionDBOptions::default(), path).unwrap()
}

/// A prepared transaction, then flushes and other WALs, then the state that a killed process leaves.
fn prepare(path: &Path) {
    let db = open(path);
    let transaction = db.transaction_opt(&WriteOptions::default(), &TransactionOptions::default());
    transaction.set_name(b"pending").unwrap();
    transaction.put(b"prepared", b"yes").unwrap();
    transaction.prepare().unwrap();
    for n in 0..3_u8 {
        db.put([b'k', n], b"value").unwrap();
        db.flush().unwrap();
    }
    db.put(b"last", b"in the WAL").unwrap();
    // Dropping it would roll it back.
    std::mem::forget(transaction);
}

fn is_pending_and_commits(path: &Path) {
    let db = open(path);
    assert_eq!(
        db.get(b"last").unwrap().as_deref(),
        Some(b"in the WAL".as_slice())
    );
    assert_eq!(db.get(b"prepared").unwrap(), None);
    let pending = db.prepared_transactions();
    assert_eq!(pending.len(), 1);
    for transaction in pending {
        assert_eq!(transaction.get_name().as_deref(), Some(b"pending".as_slice()));
        transaction.commit().unwrap();
    }
    assert_eq!(db.get(b"prepared").unwrap().as_deref(), Some(b"yes".as_slice()));
}

#[test]
fn prepared_transactions_can_be_committed_after_a_restore() {
    let root = tempfile::tempdir().unwrap();
    let (db, repository) = (root.path().join("db"), root.path().join("repo"));
    prepare(&db);
    let wals = judge::names(&db)
        .into_iter()
        .filter(|name| name.ends_with(".log"));
    assert!(wals.count() >= 2, "the prepared section keeps its WAL");
    let source = Directory::new(&db, SourceKind::Closed);
    ours::engine(&repository)
        .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    let own = root.path().join("by-stonekeep");
    restore(&repository, 1, &own, &RestoreOptions::default());
    is_pending_and_commits(&own);
    let theirs = root.path().join("by-rocksdb");
    let options = stonekeep_proof::engine::RestoreOptions::default();
    judge::rocksdb(&repository)
        .restore(1, &theirs, &theirs, &options)
        .unwrap();
    is_pending_and_commits(&theirs);
}
