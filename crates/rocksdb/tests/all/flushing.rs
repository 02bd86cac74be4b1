//! Memtables that are flushed first.

use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};
use stonekeep_rocksdb::BackupEngine;

use crate::churn::{self, Wal};
use crate::handles::{Handle, MultiDb, Optimistic, SingleDb, Transactions};
use crate::workload::{self, FAMILIES};

/// The numbers of the WALs among these names.
fn wals<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u64> {
    let numbers = names.filter_map(|name| name.rsplit('/').next()?.strip_suffix(".log"));
    numbers.map(|number| number.parse().unwrap()).collect()
}

fn wals_in(directory: &Path) -> Vec<u64> {
    let names = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    wals(names.iter().map(String::as_str))
}

fn wals_of(report: &CreateReport) -> Vec<u64> {
    wals(report.files.iter().map(|file| file.path.as_str()))
}

fn back_up<H: Handle>(handle: &H, engine: &BackupEngine, flush: bool) -> CreateReport {
    let options = CreateBackupOptions::default().with_flush_before_backup(flush);
    engine.create_new_backup_with(handle, &options, &Quiet).unwrap()
}

/// With a flush, only WALs that the flush began are in the backup.
fn only_wals_from_the_flush_on<H: Handle>() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("db");
    let handle = H::create(&churn::options(""), &path);
    let engine = churn::engine(&root.path().join("repo"));
    for n in 1..100 {
        handle.apply(&FAMILIES, &workload::batch(n), &Wal::With.write_options());
    }
    let newest = *wals_in(&path).iter().max().unwrap();
    assert_eq!(wals_of(&back_up(&handle, &engine, false)), [newest]);
    let flushed = wals_of(&back_up(&handle, &engine, true));
    assert!(
        !flushed.is_empty() && flushed.iter().all(|wal| *wal > newest),
        "{flushed:?} after {newest}"
    );
}

/// What was written without WAL is in the backup if memtables are flushed, and only then.
fn data_without_wal_needs_the_flush<H: Handle>() {
    let root = tempfile::tempdir().unwrap();
    let handle = H::create(&churn::options(""), &root.path().join("db"));
    let engine = churn::engine(&root.path().join("repo"));
    for n in 1..100 {
        handle.apply(&FAMILIES, &workload::batch(n), &Wal::Without.write_options());
    }
    for (flush, last) in [(false, 0), (true, 99)] {
        back_up(&handle, &engine, flush);
        let target = root.path().join(format!("restored-{flush}"));
        engine
            .as_engine()
            .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
            .unwrap();
        assert_eq!(
            workload::check(&target, H::CHANGES_FAMILIES, "without WAL").last,
            last
        );
    }
}

/// All column families are flushed as one, so they agree without any WAL.
fn atomic_flush_is_kept<H: Handle + Sync>() {
    let root = tempfile::tempdir().unwrap();
    let handle = H::create(&churn::options("atomic_flush=true"), &root.path().join("db"));
    let engine = churn::engine(&root.path().join("repo"));
    let options = CreateBackupOptions::default().with_flush_before_backup(true);
    churn::while_writing(&handle, Wal::Without, |written| {
        for _ in 0..10 {
            let target = root.path().join("restored");
            churn::back_up_and_compare(&handle, &engine, &options, written, &target);
        }
    });
}

macro_rules! flushing {
    ($($name:ident: $handle:ty),*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn only_wals_from_the_flush_on_are_in_the_backup() {
                only_wals_from_the_flush_on::<$handle>();
            }

            #[test]
            fn data_without_wal_is_in_the_backup_after_a_flush() {
                data_without_wal_needs_the_flush::<$handle>();
            }

            #[test]
            fn column_families_are_flushed_as_one() {
                atomic_flush_is_kept::<$handle>();
            }
        })*
    };
}

flushing!(
    a_db: SingleDb,
    a_db_of_many_threads: MultiDb,
    a_transaction_db: Transactions,
    an_optimistic_transaction_db: Optimistic
);
