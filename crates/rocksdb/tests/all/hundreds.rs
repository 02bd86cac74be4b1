//! Many backups through each handle type, each restored and compared key by key.

use stonekeep::Quiet;
use stonekeep::engine::CreateBackupOptions;

use crate::churn::{self, Wal, back_up_and_compare, while_writing};
use crate::handles::{
    Handle, MultiDb, MultiOptimistic, MultiTransactions, Optimistic, SingleDb, Transactions,
};

/// How many backups each test makes, where the environment does not say.
const BACKUPS: u64 = 100;
/// The variable that says.
const VARIABLE: &str = "STONEKEEP_LIVE_BACKUPS";

fn backups() -> u64 {
    std::env::var(VARIABLE).map_or(BACKUPS, |text| text.parse().unwrap())
}

/// Every third backup flushes first, so that both kinds stand beside each other in one repository.
fn hundreds<H: Handle + Sync>(more: &str, backups: u64) {
    let root = tempfile::tempdir().unwrap();
    let handle = H::create(&churn::options(more), &root.path().join("db"));
    let engine = churn::engine(&root.path().join("repo"));
    let target = root.path().join("restored");
    while_writing(&handle, Wal::With, |written| {
        let mut rounds = 0;
        for n in 0..backups {
            let options = CreateBackupOptions::default().with_flush_before_backup(n % 3 == 2);
            let report = back_up_and_compare(&handle, &engine, &options, written, &target);
            rounds += report.live.unwrap().rounds;
            if n % 20 == 19 {
                engine.as_engine().purge_old_backups(3, &Quiet).unwrap();
            }
        }
        assert!(rounds >= backups);
    });
}

#[test]
fn through_a_db() {
    hundreds::<SingleDb>("", backups());
}

#[test]
fn through_a_db_of_many_threads() {
    hundreds::<MultiDb>("", backups());
}

#[test]
fn through_a_transaction_db() {
    hundreds::<Transactions>("", backups());
}

#[test]
fn through_an_optimistic_transaction_db() {
    hundreds::<Optimistic>("", backups());
}

#[test]
fn through_transaction_dbs_of_many_threads() {
    hundreds::<MultiTransactions>("", backups() / 4);
    hundreds::<MultiOptimistic>("", backups() / 4);
}
