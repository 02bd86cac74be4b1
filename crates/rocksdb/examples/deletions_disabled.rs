//! Measures for how long a backup keeps RocksDB from deleting files, with many tables that are stored already.
//!
//! `cargo run --release -p stonekeep-rocksdb --example deletions_disabled [TABLES [BACKUPS]]`
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rocksdb::{DB, Options, SstFileWriter};
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Quiet, Result};
use stonekeep_rocksdb::{BackupEngine, LiveDatabase, LiveFile, LiveFiles, Memtables};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let tables: u32 = arguments.next().map_or(Ok(5000), |text| text.parse())?;
    let backups: usize = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let root = tempfile::tempdir()?;
    let db = database(&root.path().join("db"), tables)?;
    let timed = Timed {
        db: &db,
        times: Mutex::default(),
    };
    let store = Store::from(LocalStore::new(root.path().join("repo")));
    let engine = BackupEngine::open(BackupEngineOptions::default().with_sync(false), store)?;
    engine.create_new_backup(&timed)?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write(&db, &stop));
        let measured = [false, true].map(|flush| measure(&timed, &engine, flush, backups));
        stop.store(true, Ordering::SeqCst);
        for (measured, how) in measured
            .into_iter()
            .zip(["without a flush", "with flush_before_backup"])
        {
            println!(
                "{tables} tables, {backups} backups {how}, under full writes; median and largest, in milliseconds"
            );
            measured?.print();
        }
        Ok(())
    })
}

/// A database of this many tables.
fn database(path: &Path, tables: u32) -> std::result::Result<DB, Box<dyn Error>> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_disable_auto_compactions(true);
    let db = DB::open(&options, path)?;
    let directory = tempfile::tempdir()?;
    let mut files = Vec::new();
    for number in 0..tables {
        let file = directory.path().join(format!("{number}.sst"));
        let mut writer = SstFileWriter::create(&options);
        writer.open(&file)?;
        writer.put(number.to_be_bytes(), [b'x'; 1000])?;
        writer.finish()?;
        files.push(file);
    }
    db.ingest_external_file(files)?;
    Ok(db)
}

/// Writes at full speed.
fn write(db: &DB, stop: &AtomicBool) {
    for n in 0u64.. {
        if stop.load(Ordering::Relaxed) || db.put(n.to_le_bytes(), [b'y'; 100]).is_err() {
            return;
        }
    }
}

fn measure(timed: &Timed<'_>, engine: &BackupEngine, flush: bool, backups: usize) -> Result<Times> {
    let options = CreateBackupOptions::default().with_flush_before_backup(flush);
    timed.take();
    for _ in 0..backups {
        engine.create_new_backup_with(timed, &options, &Quiet)?;
    }
    Ok(timed.take())
}

/// What took how long, each time.
#[derive(Default)]
struct Times {
    since: Option<Instant>,
    /// From the end of `DisableFileDeletions` to the beginning of `EnableFileDeletions`.
    disabled: Vec<Duration>,
    /// In RocksDB meanwhile: it waits for deletions that are under way, and lists its directory.
    waiting: Vec<Duration>,
    /// In RocksDB before, with the flush.
    before: Vec<Duration>,
    /// `EnableFileDeletions`, which deletes what has become obsolete.
    enabling: Vec<Duration>,
}

impl Times {
    fn print(self) {
        let ours = self.disabled.iter().zip(&self.waiting);
        let ours = ours
            .map(|(disabled, waiting)| disabled.saturating_sub(*waiting))
            .collect();
        let lines = [
            ("deletions disabled", self.disabled),
            ("  of that in RocksDB", self.waiting),
            ("  of that in Stonekeep", ours),
            (
                "RocksDB's list before, with the flush if there is one",
                self.before,
            ),
            ("enabling deletions again", self.enabling),
        ];
        for (what, mut times) in lines {
            times.sort_unstable();
            let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
            let (median, largest) = (millis(times.get(times.len() / 2)), millis(times.last()));
            println!("  {what:55} {median:8.2} {largest:8.2}");
        }
    }
}

/// A database with a clock.
struct Timed<'a> {
    db: &'a DB,
    times: Mutex<Times>,
}

impl Timed<'_> {
    fn take(&self) -> Times {
        std::mem::take(&mut *self.times())
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> Result<Arc<dyn LiveFiles + '_>> {
        let files = LiveDatabase::files(self.db);
        files.ok_or_else(|| stonekeep::Error::refused("this handle hides its pointer"))
    }
}

impl LiveDatabase for Timed<'_> {
    fn directory(&self) -> &Path {
        self.db.path()
    }

    fn flush_wal(&self) -> Result<()> {
        LiveDatabase::flush_wal(self.db)
    }

    fn flush_memtables(&self) -> Result<()> {
        LiveDatabase::flush_memtables(self.db)
    }

    fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
        Some(Arc::new(self))
    }
}

impl LiveFiles for &Timed<'_> {
    fn disable_file_deletions(&self) -> Result<()> {
        self.told()?.disable_file_deletions()?;
        let mut times = self.times();
        times.since = Some(Instant::now());
        times.waiting.push(Duration::ZERO);
        Ok(())
    }

    fn enable_file_deletions(&self) -> Result<()> {
        let begin = Instant::now();
        let since = self.times().since.take();
        self.told()?.enable_file_deletions()?;
        let mut times = self.times();
        times.disabled.extend(since.map(|since| begin - since));
        times.enabling.push(begin.elapsed());
        Ok(())
    }

    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>> {
        let begin = Instant::now();
        let files = self.told()?.live_files(memtables)?;
        let mut times = self.times();
        match (times.since, times.waiting.last_mut()) {
            (Some(_), Some(waiting)) => *waiting += begin.elapsed(),
            _ => times.before.push(begin.elapsed()),
        }
        Ok(files)
    }
}
