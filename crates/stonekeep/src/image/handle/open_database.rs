//! A database that this process has open, as the source of an image.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::live_files::{DeletionsDisabled, LiveFiles};
use super::report::Request;
use super::session::Session;
use crate::image::{Capture, CaptureHost, ImageSource};
use crate::{Clock, Observer, Result, SystemClock};

/// An open database. See the [module](super) for how it is captured.
///
/// An attempt that keeps file deletions disabled to the end does so until this is dropped, or captured again.
pub struct OpenDatabase<'a> {
    directory: PathBuf,
    files: Arc<dyn LiveFiles + 'a>,
    open_files_limit: Option<usize>,
    db_paths: Vec<PathBuf>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<DeletionsDisabled<'a>>>,
}

impl<'a> OpenDatabase<'a> {
    /// The database in this directory.
    pub fn new(directory: impl Into<PathBuf>, files: Arc<dyn LiveFiles + 'a>) -> Self {
        OpenDatabase {
            directory: directory.into(),
            files,
            open_files_limit: None,
            db_paths: Vec::new(),
            clock: Arc::new(SystemClock),
            kept: Mutex::new(None),
        }
    }

    /// At most so many tables and blobs are held open at once. Default: what the soft limit of this process
    /// (`RLIMIT_NOFILE`) leaves, less a reserve. That limit is never changed.
    #[must_use]
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.open_files_limit = limit;
        self
    }

    /// Further directories of its tables and blobs (`db_paths`, `cf_paths`). RocksDB reports where each file is, so files are
    /// found without them; the directories must exist, and count as the database's own.
    #[must_use]
    pub fn with_db_paths(mut self, db_paths: impl Into<Vec<PathBuf>>) -> Self {
        self.db_paths = db_paths.into();
        self
    }

    /// With another clock, which measures how long file deletions are disabled.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn keep(&self, deletions: Option<DeletionsDisabled<'a>>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = deletions;
    }
}

impl fmt::Debug for OpenDatabase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDatabase")
            .field("directory", &self.directory)
            .field("open_files_limit", &self.open_files_limit)
            .finish_non_exhaustive()
    }
}

impl ImageSource for OpenDatabase<'_> {
    fn describe(&self) -> String {
        format!("the open database in {}", self.directory.display())
    }

    fn directories(&self) -> Vec<PathBuf> {
        [&self.directory]
            .into_iter()
            .chain(&self.db_paths)
            .cloned()
            .collect()
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        self.keep(None);
        let request = Request {
            directory: &self.directory,
            files: &self.files,
            clock: &self.clock,
            db_paths: &self.db_paths,
            may_flush: host.flush_before_backup(),
            observer,
        };
        let session = Session::begin(request, self.open_files_limit, host)?;
        let (capture, kept) = session.run(host)?;
        self.keep(kept);
        Ok(Box::new(capture))
    }
}
