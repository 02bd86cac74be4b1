//! Transactions that are prepared, not committed yet.

use rocksdb::{TransactionDBOptions, TransactionOptions, WriteOptions};
use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};

use crate::churn;
use crate::handles::{Handle, Transactions};
use crate::workload::FAMILIES;

/// Prepares a transaction, writes and flushes on, backs up, and commits it in what was restored.
fn comes_back(flush: bool) {
    let root = tempfile::tempdir().unwrap();
    let options = churn::options("");
    let db = Transactions::create(&options, &root.path().join("db"));
    let transaction = db.transaction_opt(&WriteOptions::default(), &TransactionOptions::default());
    transaction.set_name(b"prepared").unwrap();
    transaction.put(b"in doubt", b"value").unwrap();
    transaction.prepare().unwrap();
    for round in 0..3 {
        db.put(b"round", [round]).unwrap();
        db.flush().unwrap();
    }
    let engine = churn::engine(&root.path().join("repo"));
    let backup = CreateBackupOptions::default().with_flush_before_backup(flush);
    engine.create_new_backup_with(&db, &backup, &Quiet).unwrap();
    let target = root.path().join("restored");
    let restore = RestoreOptions::default();
    engine
        .as_engine()
        .restore_db_from_backup(WhichBackup::Latest, &target, &restore, &Quiet)
        .unwrap();
    let transactions = TransactionDBOptions::default();
    let restored = Transactions::open_cf(&options, &transactions, &target, FAMILIES).unwrap();
    assert_eq!(restored.get(b"round").unwrap().unwrap(), [2]);
    assert_eq!(restored.get(b"in doubt").unwrap(), None);
    let prepared = restored.prepared_transactions();
    assert_eq!(prepared.len(), 1);
    prepared.into_iter().next().unwrap().commit().unwrap();
    assert_eq!(restored.get(b"in doubt").unwrap().unwrap(), b"value");
    drop(transaction);
}

#[test]
fn a_prepared_transaction_is_prepared_after_a_restore() {
    comes_back(false);
}

#[test]
fn a_prepared_transaction_is_prepared_after_a_flush_and_a_restore() {
    comes_back(true);
}
