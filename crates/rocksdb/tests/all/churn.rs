//! A database that is written at full speed while it is backed up.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rocksdb::{Options, WriteOptions};
use stonekeep::Quiet;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions, RestoreOptions};
use stonekeep::store::Store;
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
    let store = Store::from(LocalStore::new(repository));
    BackupEngine::open(BackupEngineOptions::default().with_sync(false), store).unwrap()
}

/// Writes batch after batch until it is dropped.
pub(crate) struct Writer<'a, H> {
    handle: &'a H,
    wal: Wal,
    written: &'a Written,
    stop: &'a AtomicBool,
}

/// What can be known of the workload from outside.
pub(crate) struct Written {
    /// The last batch that was acknowledged.
    acknowledged: AtomicU64,
    /// Whether column families come and go. They do at once, so not where data waits for a flush.
    changes_families: bool,
}

impl Written {
    /// The last batch that was acknowledged.
    pub(crate) fn last(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
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
            self.written.acknowledged.store(n, Ordering::SeqCst);
            if n % 1000 == 0 && self.wal == Wal::With {
                self.handle.flush(FAMILIES[(n / 1000) as usize % FAMILIES.len()]);
            }
        }
    }

    fn extra(&self, n: u64) -> Option<String> {
        workload::extra(n).filter(|_| self.written.changes_families)
    }

    fn change_families(&self, n: u64) {
        match (self.extra(n - 1), self.extra(n)) {
            (None, Some(name)) => self.handle.add_family(&name),
            (Some(name), None) => self.handle.drop_family(&name),
            _ => {}
        }
    }
}

/// Runs `act` while the workload is written.
pub(crate) fn while_writing<H: Handle + Sync>(handle: &H, wal: Wal, act: impl FnOnce(&Written)) {
    let stop = AtomicBool::new(false);
    let written = Written {
        acknowledged: AtomicU64::new(0),
        changes_families: H::CHANGES_FAMILIES && wal == Wal::With,
    };
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
            written: &written,
            stop: &stop,
        };
        scope.spawn(move || writer.run());
        let _stop = Stop(&stop);
        act(&written);
    });
}

/// Backs up once while the workload is written, restores that, and compares every key.
pub(crate) fn back_up_and_compare<H: Handle>(
    handle: &H,
    engine: &BackupEngine,
    options: &CreateBackupOptions,
    written: &Written,
    target: &Path,
) -> CreateReport {
    let before = written.last();
    let report = engine.create_new_backup_with(handle, options, &Quiet).unwrap();
    let after = written.last();
    let restore = RestoreOptions::default();
    engine
        .as_engine()
        .restore_db_from_backup(WhichBackup::Id(report.backup_id), target, &restore, &Quiet)
        .unwrap();
    let found = workload::check(
        target,
        written.changes_families,
        &format!("backup {}", report.backup_id),
    );
    assert!(found.last >= before, "{} of {before}: {report:?}", found.last);
    // The batch that was being written may be in.
    assert!(found.last <= after + 1, "{} of {after}: {report:?}", found.last);
    assert_eq!(found.sequence, report.sequence_number.0, "{report:?}");
    std::fs::remove_dir_all(target).unwrap();
    report
}
