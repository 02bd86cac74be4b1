//! A database that is written at full speed while it is backed up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rocksdb::{Options, WriteOptions};
use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions, RestoreOptions};
use stonekeep::store::local::LocalStore;
use stonekeep_rocksdb::BackupEngine;

use crate::handles::Handle;
use crate::workload::{self, FAMILIES};

/// Small memtables, so that flushes and compactions never end.
pub(crate) fn options(more: &str) -> Options {
    const SMALL: &str = "create_if_missing=true;create_missing_column_families=true;write_buffer_size=131072;\
                         target_file_size_base=65536;max_bytes_for_level_base=262144;max_background_jobs=4;\
                         level0_file_num_compaction_trigger=2;stats_dump_period_sec=0";
    Options::default()
        .get_options_from_string(format!("{SMALL};{more}"))
        .unwrap()
}

/// An engine that does not wait for the disk: what is tested is which bytes it copies.
pub(crate) fn engine(repository: &Path) -> BackupEngine {
    let store = Arc::new(LocalStore::new(repository));
    BackupEngine::open(BackupEngineOptions::default().with_sync(false), store).unwrap()
}

/// Writes batch after batch until it is dropped.
pub(crate) struct Writer<'a, H> {
    handle: &'a H,
    wal: Wal,
    acknowledged: &'a AtomicU64,
    stop: &'a AtomicBool,
}

/// Whether batches are written to the WAL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wal {
    With,
    /// Then column families agree only if they are flushed together.
    Without,
}

impl Wal {
    pub(crate) fn write_options(self) -> WriteOptions {
        let mut options = WriteOptions::default();
        options.disable_wal(self == Wal::Without);
        options
    }
}

impl<H: Handle> Writer<'_, H> {
    fn run(&self) {
        let write_options = self.wal.write_options();
        for n in 1.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.change_families(n);
            let extra = self.extra(n);
            let families: Vec<&str> = FAMILIES.into_iter().chain(extra.as_deref()).collect();
            self.handle.apply(&families, &workload::batch(n), &write_options);
            self.acknowledged.store(n, Ordering::SeqCst);
            if n % 1000 == 0 && self.wal == Wal::With {
                self.handle.flush(FAMILIES[(n / 1000) as usize % FAMILIES.len()]);
            }
        }
    }

    fn extra(&self, n: u64) -> Option<String> {
        workload::extra(n).filter(|_| H::CHANGES_FAMILIES)
    }

    fn change_families(&self, n: u64) {
        match (self.extra(n - 1), self.extra(n)) {
            (None, Some(name)) => self.handle.add_family(&name),
            (Some(name), None) => self.handle.drop_family(&name),
            _ => {}
        }
    }
}

/// Runs `act` while the workload is written; it is given what has been acknowledged.
pub(crate) fn while_writing<H: Handle + Sync>(handle: &H, wal: Wal, act: impl FnOnce(&AtomicU64)) {
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    std::thread::scope(|scope| {
        let writer = Writer {
            handle,
            wal,
            acknowledged: &acknowledged,
            stop: &stop,
        };
        scope.spawn(move || writer.run());
        let _stop = Stop(&stop);
        act(&acknowledged);
    });
}

/// Backs up once while the workload is written, restores that, and compares every key.
pub(crate) fn back_up_and_compare<H: Handle>(
    handle: &H,
    engine: &BackupEngine,
    options: &CreateBackupOptions,
    acknowledged: &AtomicU64,
    target: &Path,
) -> CreateReport {
    let before = acknowledged.load(Ordering::SeqCst);
    let report = engine.create_new_backup_with(handle, options, &Quiet).unwrap();
    let after = acknowledged.load(Ordering::SeqCst);
    let restore = RestoreOptions::default();
    engine
        .restore_db_from_backup(WhichBackup::Id(report.backup_id), target, &restore, &Quiet)
        .unwrap();
    let found = workload::check(
        target,
        H::CHANGES_FAMILIES,
        &format!("backup {}", report.backup_id),
    );
    assert!(found.last >= before, "{} of {before}: {report:?}", found.last);
    // The batch that was being written may be in.
    assert!(found.last <= after + 1, "{} of {after}: {report:?}", found.last);
    assert_eq!(found.sequence, report.sequence_number.0, "{report:?}");
    std::fs::remove_dir_all(target).unwrap();
    report
}
