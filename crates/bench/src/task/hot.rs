//! The capture of a database that another process is writing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rocksdb::{DB, Options};
use rustix::process::{Signal, set_parent_process_death_signal};
use stonekeep::Quiet;
use stonekeep::image::{CaptureHost, Directory, ImageFile, ImageSource, NoHost, SourceKind};
use stonekeep_format::FileNumber;

use super::Done;
use crate::measure::{Figures, measure};
use crate::spread::Spread;
use crate::usage::allow_open_files;

/// A writer that is busy, yet leaves a processor for the capture.
const BETWEEN_WRITES: Duration = Duration::from_micros(500);
const VALUE_BYTES: usize = 100;

/// Captures the database so many times: the time is the median of one.
///
/// # Errors
/// Those of the capture, or of the writer.
pub(super) fn work(database: &Path, stored: bool, times: usize) -> Result<Done> {
    allow_open_files()?;
    let _writer = Writer::start(database)?;
    let source = Directory::new(database, SourceKind::Hot);
    let (seconds, figures) = measure(|| (0..times).map(|_| capture(&source, stored)).collect())?;
    let seconds: Vec<(f64, u64)> = seconds;
    let part = |whole: f64| whole / times as f64;
    let figures = Figures {
        wall_s: Spread::of(seconds.iter().map(|(seconds, _)| *seconds)).median,
        user_s: part(figures.user_s),
        system_s: part(figures.system_s),
        read_bytes: figures.read_bytes / times as u64,
        written_bytes: figures.written_bytes / times as u64,
        ..figures
    };
    let tables = seconds.iter().map(|(_, tables)| *tables).min();
    Ok(Done {
        items: tables.unwrap_or(0),
        figures,
    })
}

/// Seconds, and tables in the image.
fn capture(source: &Directory, stored: bool) -> Result<(f64, u64)> {
    let start = Instant::now();
    let capture = if stored {
        source.capture(&mut AllStored, &Quiet)?
    } else {
        source.capture(&mut NoHost, &Quiet)?
    };
    let seconds = start.elapsed().as_secs_f64();
    let files = capture.image().files.iter();
    Ok((seconds, files.filter(|file| file.table.is_some()).count() as u64))
}

/// A repository that has every table.
struct AllStored;

impl CaptureHost for AllStored {
    fn attempt(&self) -> u32 {
        NoHost.attempt()
    }

    fn is_last_attempt(&self) -> bool {
        NoHost.is_last_attempt()
    }

    fn check_database(&mut self, _: Option<&str>) -> stonekeep::Result<()> {
        Ok(())
    }

    fn needed(&mut self, files: &[ImageFile]) -> stonekeep::Result<Vec<bool>> {
        Ok(vec![false; files.len()])
    }

    fn takes_early(&self) -> bool {
        NoHost.takes_early()
    }

    fn take(&mut self, files: &[ImageFile]) -> stonekeep::Result<Vec<FileNumber>> {
        NoHost.take(files)
    }
}

/// The process that writes the database; killed in the end, as RocksDB would write its memtable when it is closed.
struct Writer(Child);

impl Writer {
    fn start(database: &Path) -> Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .arg("write")
            .arg(database)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a writer")?;
        let mut writer = Writer(child);
        let stdout = writer
            .0
            .stdout
            .take()
            .ok_or_else(|| anyhow!("it has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line.trim() == "ready", "the writer said {line:?}");
        Ok(writer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // If it has ended already, there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The writer's side: opens the database, says so, and writes.
///
/// # Errors
/// RocksDB's.
pub(crate) fn write_forever(database: &Path, say_ready: impl FnOnce()) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut options = Options::default();
    options.set_disable_auto_compactions(true);
    options.set_max_open_files(64);
    let db = DB::open(&options, database)?;
    db.put("first", "written")?;
    say_ready();
    for n in 0u64.. {
        db.put(n.to_be_bytes(), [0; VALUE_BYTES])?;
        sleep(BETWEEN_WRITES);
    }
    Ok(())
}
