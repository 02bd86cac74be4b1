//! What the tests of open databases share: one that tells its files, and does something each time that it is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use stonekeep::image::handle::{LiveFile, LiveFiles, Memtables, OpenDatabase};
use stonekeep::image::{Capture, CaptureHost, ImageFile, ImageSource};
use stonekeep::{Error, ErrorKind, Quiet, Result};
use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_testkit::database::FakeDatabase;

use crate::hot::scene::{Moment, moment};
use crate::image::capture::capture;

/// What is done right after the answer with this number, counted from 1.
type Deed = Box<dyn FnMut(u32, &mut FakeDatabase) + Send>;

/// An open database. While deletions are disabled, what a deed removes comes back.
pub(crate) struct Telling {
    state: Mutex<State>,
}

struct State {
    database: FakeDatabase,
    deed: Deed,
    answers: Vec<Memtables>,
    /// The database at each answer.
    moments: Vec<Moment>,
    /// How many callers keep it from deleting files.
    disabled: u32,
    calls: u32,
    failing_call: Option<u32>,
    /// Whether it tells its files only after a flush.
    wants_flush: bool,
}

impl Telling {
    pub(crate) fn new(
        database: FakeDatabase,
        deed: impl FnMut(u32, &mut FakeDatabase) + Send + 'static,
    ) -> Self {
        let state = State {
            database,
            deed: Box::new(deed),
            answers: Vec::new(),
            moments: Vec::new(),
            disabled: 0,
            calls: 0,
            failing_call: None,
            wants_flush: false,
        };
        Telling {
            state: Mutex::new(state),
        }
    }

    /// One that fails at the call with this number.
    pub(crate) fn failing(self, call: u32) -> Self {
        self.state.lock().unwrap().failing_call = Some(call);
        self
    }

    /// One that tells its files only after a flush.
    pub(crate) fn wanting_a_flush(self) -> Self {
        self.state.lock().unwrap().wants_flush = true;
        self
    }

    /// Captures it for a host.
    pub(crate) fn capture(self: &Arc<Self>, host: &mut dyn CaptureHost) -> Result<Box<dyn Capture>> {
        OpenDatabase::new(self.path(), self.clone()).capture(host, &Quiet)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.state.lock().unwrap().database.path().to_owned()
    }

    /// Whether files are deleted, and how often it was called.
    pub(crate) fn end(&self) -> (bool, u32) {
        let state = self.state.lock().unwrap();
        (state.disabled == 0, state.calls)
    }

    /// How it was asked for its files.
    pub(crate) fn answers(&self) -> Vec<Memtables> {
        self.state.lock().unwrap().answers.clone()
    }

    /// Which answer an image shows, counted from 1.
    pub(crate) fn shown(&self, capture: &dyn Capture) -> Option<usize> {
        let shown = moment(capture.image());
        let moments = &self.state.lock().unwrap().moments;
        let at = moments.iter().rposition(|moment| *moment == shown)?;
        Some(at + 1)
    }
}

impl State {
    fn call(&mut self) -> Result<()> {
        self.calls += 1;
        if self.failing_call == Some(self.calls) {
            Err(Error::new(ErrorKind::Io, "IO error: no"))
        } else {
            Ok(())
        }
    }

    fn act(&mut self) {
        let number = self.answers.len() as u32;
        let path = self.database.path().to_owned();
        let kept = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
        link_all(&path, kept.path());
        (self.deed)(number, &mut self.database);
        if self.disabled > 0 {
            link_all(kept.path(), &path);
        }
    }
}

/// Links every file that is not there yet.
fn link_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if !target.exists() && entry.path().is_file() {
            fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

/// The files that the database names, OPTIONS and WALs, with their present lengths.
fn told(database: &FakeDatabase) -> Vec<LiveFile> {
    let state = database.state();
    let tables = state
        .live_tables()
        .map(|table| database.table_path(table.file.number, 0));
    let blobs = state
        .live_blobs()
        .map(|blob| database.blob_path(blob.file.addition.number));
    let listed = fs::read_dir(database.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_told = |path: &PathBuf| match DbFileName::parse(path.file_name().unwrap().to_str().unwrap()) {
        Some(DbFileName::Wal(_) | DbFileName::Options(_)) => true,
        Some(DbFileName::Manifest(_)) => *path == database.manifest_path(),
        _ => false,
    };
    tables
        .chain(blobs)
        .chain(listed.filter(is_told))
        .map(|path| LiveFile {
            size_bytes: fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
        })
        .collect()
}

impl LiveFiles for Telling {
    fn disable_file_deletions(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        state.call()?;
        state.disabled += 1;
        Ok(())
    }

    fn enable_file_deletions(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        state.disabled -= 1;
        state.call()
    }

    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>> {
        let mut state = self.state.lock().unwrap();
        state.call()?;
        if state.wants_flush && memtables == Memtables::Keep {
            return Err(Error::new(ErrorKind::Unsupported, "Not implemented: flush"));
        }
        state.answers.push(memtables);
        // What is damaged is no moment.
        let now = capture(state.database.path()).ok();
        let now = now.map(|capture| moment(capture.image()));
        state.moments.push(now.unwrap_or_default());
        let files = told(&state.database);
        state.act();
        Ok(files)
    }
}

/// A host with attempts left that needs every file.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) flushes: bool,
}

impl CaptureHost for Host {
    fn attempt(&self) -> u32 {
        1
    }

    fn is_last_attempt(&self) -> bool {
        false
    }

    fn flush_before_backup(&self) -> bool {
        self.flushes
    }

    fn check_database(&mut self, _: Option<&str>) -> Result<()> {
        Ok(())
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        Ok(vec![true; files.len()])
    }

    fn takes_early(&self) -> bool {
        false
    }

    fn take(&mut self, _: &[ImageFile]) -> Result<Vec<FileNumber>> {
        Err(Error::invalid("nothing is taken early"))
    }
}
