//! A database directory as the source of an image, captured closed or hot by its LOCK.

use std::path::PathBuf;
use std::time::Duration;

use super::at_rest::OPEN_HERE_HINT;
use super::closed::ClosedDirectory;
use super::hot::HotDirectory;
use super::lock::LockState;
use super::{Capture, CaptureHost, ImageSource};
use crate::{Error, ErrorKind, Observer, Result};

/// How a directory is to be captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SourceKind {
    /// By its LOCK: closed if no process holds it, hot if another process does.
    #[default]
    Auto,
    /// As a closed database; refused while a process has it open.
    Closed,
    /// As a database that is being written, even if no process is seen to hold the LOCK: it may be held on another machine
    /// or in another container.
    Hot,
    /// As a checkpoint, which no process opens. Refused while a process has it open.
    Checkpoint,
}

/// A database's directory. Each capture checks its LOCK: a database that is opened while it is captured as a closed one is
/// captured hot the next time.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    kind: SourceKind,
    closed: ClosedDirectory,
    hot: HotDirectory,
}

impl Directory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>, kind: SourceKind) -> Self {
        let path = path.into();
        Directory {
            closed: match kind {
                SourceKind::Checkpoint => ClosedDirectory::new(&path).as_checkpoint(),
                _ => ClosedDirectory::new(&path),
            },
            hot: HotDirectory::new(&path),
            path,
            kind,
        }
    }

    /// Where its WALs are (`wal_dir`); otherwise OPTIONS is asked.
    pub fn with_wal_dir(mut self, wal_dir: Option<PathBuf>) -> Self {
        self.closed = self.closed.with_wal_dir(wal_dir.clone());
        self.hot = self.hot.with_wal_dir(wal_dir);
        self
    }

    /// Further directories of its tables and blobs: see [`ClosedDirectory::with_db_paths`].
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.closed = self.closed.with_db_paths(db_paths.clone());
        self.hot = self.hot.with_db_paths(db_paths);
        self
    }

    /// See [`HotDirectory::with_strict_limit`].
    pub fn with_strict_limit(mut self, rounds: u64, time: Duration) -> Self {
        self.hot = self.hot.with_strict_limit(rounds, time);
        self
    }

    /// See [`HotDirectory::forced`] and [`ClosedDirectory::forced`].
    pub fn forced(mut self, forced: bool) -> Self {
        self.closed = self.closed.forced(forced);
        self.hot = self.hot.forced(forced);
        self
    }

    /// See [`HotDirectory::with_open_files_limit`].
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.hot = self.hot.with_open_files_limit(limit);
        self
    }

    /// As a closed database if it is one, else hot.
    fn capture_as_it_is(
        &self,
        host: &mut dyn CaptureHost,
        observer: &dyn Observer,
    ) -> Result<Box<dyn Capture>> {
        if self.is_open_elsewhere()? {
            return self.hot.capture(host, observer);
        }
        match self.closed.capture(host, observer) {
            // A process that has opened the database meanwhile may have caused what is missing or wrong.
            Err(error) if error.kind() != ErrorKind::Stopped && self.is_open_elsewhere()? => {
                self.hot.capture(host, observer)
            }
            outcome => outcome,
        }
    }

    /// Whether another process has the database open.
    ///
    /// # Errors
    /// `Refused` if it is this very process.
    fn is_open_elsewhere(&self) -> Result<bool> {
        match LockState::of(&self.path)? {
            LockState::Free => Ok(false),
            LockState::HeldBy { .. } => Ok(true),
            LockState::HeldByThisProcess => {
                let message = format!("the database in {} is open in this process", self.path.display());
                Err(Error::refused(message).with_hint(OPEN_HERE_HINT))
            }
        }
    }
}

impl ImageSource for Directory {
    fn describe(&self) -> String {
        let path = self.path.display();
        match self.kind {
            SourceKind::Checkpoint => format!("the checkpoint in {path}"),
            _ => format!("the database in {path}"),
        }
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        match self.kind {
            SourceKind::Auto => self.capture_as_it_is(host, observer),
            SourceKind::Closed | SourceKind::Checkpoint => self.closed.capture(host, observer),
            SourceKind::Hot => {
                self.is_open_elsewhere()?;
                self.hot.capture(host, observer)
            }
        }
    }
}
