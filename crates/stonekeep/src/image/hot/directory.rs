//! A database directory that another process is writing, as the source of an image.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "probes")]
use super::probe::Probe;
use super::probe::Probes;
use super::session::Session;
use super::source::{HotSource, StrictLimit};
use crate::image::{Capture, CaptureHost, CaptureKind, ImageSource, other_database};
use crate::{Clock, Observer, Result, SystemClock};

/// How many rounds the strict rule has, unless a caller says otherwise.
const STRICT_ROUNDS: u64 = 200;

/// How long the strict rule has, unless a caller says otherwise.
const STRICT_TIME: Duration = Duration::from_secs(10);

/// A database that another process is writing. See the [module](super) for how it is captured.
///
/// Its LOCK is not looked at; [`Directory`](crate::image::auto::Directory) does that.
#[derive(Debug, Clone)]
pub struct HotDirectory(HotSource);

impl HotDirectory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        HotDirectory(HotSource {
            path: path.into(),
            wal_dir: None,
            db_paths: Vec::new(),
            strict_limit: StrictLimit {
                rounds: STRICT_ROUNDS,
                time: STRICT_TIME,
            },
            forced: false,
            open_files_limit: None,
            kind: CaptureKind::Hot,
            clock: Arc::new(SystemClock),
            probes: Probes::default(),
        })
    }

    /// Where its WALs are (`wal_dir`); otherwise OPTIONS is asked.
    pub fn with_wal_dir(mut self, wal_dir: Option<PathBuf>) -> Self {
        self.0.wal_dir = wal_dir;
        self
    }

    /// Further directories of its tables and blobs: those in `db_paths` and in the `cf_paths` of all column families,
    /// in any order. RocksDB writes them into no file. An image of several directories is flat: it restores into one.
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.0.db_paths = db_paths;
        self
    }

    /// After so many rounds, or so long after the first of them, the fallback rule may be used, too. Without further
    /// words that is after 200 rounds or 10 seconds. After six times that long and a minute the capture gives up.
    pub fn with_strict_limit(mut self, rounds: u64, time: Duration) -> Self {
        self.0.strict_limit = StrictLimit { rounds, time };
        self
    }

    /// Goes on, with a warning, where it cannot be known whether the image will be right: on a file system that is not
    /// known to be local, with `enable_blob_direct_write`, without any WAL or with damaged ones, and where the MANIFEST
    /// names further paths that were not given.
    pub fn forced(mut self, forced: bool) -> Self {
        self.0.forced = forced;
        self
    }

    /// At most so many tables and blobs are held open at once. Without further words it is what the soft limit of this
    /// process (`RLIMIT_NOFILE`) leaves, less a reserve; that limit is never changed.
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.0.open_files_limit = limit;
        self
    }

    /// The database is open in this very process: the image is one of [`CaptureKind::Handle`]. On which file system it
    /// lies does not matter then, since a process sees what it writes.
    pub fn in_this_process(mut self) -> Self {
        self.0.kind = CaptureKind::Handle;
        self
    }

    /// With another clock, for limits and pauses.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// With a probe, for tests.
    #[cfg(feature = "probes")]
    pub fn with_probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.0.probes = Probes(Some(probe));
        self
    }
}

impl ImageSource for HotDirectory {
    fn describe(&self) -> String {
        format!("the database in {}", self.0.path.display())
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.0.path.clone())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        let session = Session::begin(&self.0, host, observer);
        let captured = session.and_then(|session| session.run(host));
        let capture = captured.map_err(|error| other_database::explain(&self.0.path, error))?;
        Ok(Box::new(capture))
    }
}
