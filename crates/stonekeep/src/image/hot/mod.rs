//! A database directory that another process is writing as the source of an image.
//!
//! Nobody is asked, no lock is taken, nothing is written into the directory: the writer does not notice.

pub(super) mod capture;
pub(super) mod closing;
pub(super) mod find_file;
mod followed;
mod ground;
pub(super) mod held_files;
pub(super) mod open_files;
pub(super) mod probe;
mod session;
mod settings;
mod wal_listing;
pub(super) mod wal_scan;
pub(super) mod wal_window;

use std::path::PathBuf;
#[cfg(feature = "probes")]
use std::sync::Arc;
use std::time::Duration;

use self::probe::Probes;
#[cfg(feature = "probes")]
pub use self::probe::{Probe, Step};
use self::session::Session;
use super::{Capture, CaptureHost, CaptureKind, ImageSource};
use crate::{Observer, Result};

/// How many rounds the strict rule has, unless a caller says otherwise.
const STRICT_ROUNDS: u64 = 200;

/// How long the strict rule has, unless a caller says otherwise.
const STRICT_TIME: Duration = Duration::from_secs(10);

/// A database that another process is writing. See the [module](self) for how it is captured.
///
/// Its LOCK is not looked at; [`Directory`](super::auto::Directory) does that.
#[derive(Debug, Clone)]
pub struct HotDirectory {
    path: PathBuf,
    wal_dir: Option<PathBuf>,
    db_paths: Vec<PathBuf>,
    strict_limit: StrictLimit,
    forced: bool,
    open_files_limit: Option<usize>,
    kind: CaptureKind,
    probes: Probes,
}

/// When the fallback rule may be used.
#[derive(Debug, Clone, Copy)]
struct StrictLimit {
    rounds: u64,
    time: Duration,
}

impl HotDirectory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        HotDirectory {
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
            probes: Probes::default(),
        }
    }

    /// Where its WALs are (`wal_dir`); otherwise OPTIONS is asked.
    pub fn with_wal_dir(mut self, wal_dir: Option<PathBuf>) -> Self {
        self.wal_dir = wal_dir;
        self
    }

    /// Further directories of its tables and blobs: those in `db_paths` and in the `cf_paths` of all column families,
    /// in any order. RocksDB writes them into no file. An image of several directories is flat: it restores into one.
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.db_paths = db_paths;
        self
    }

    /// After so many rounds, or so long after the first of them, the fallback rule may be used, too. Without further
    /// words that is after 200 rounds or 10 seconds.
    pub fn with_strict_limit(mut self, rounds: u64, time: Duration) -> Self {
        self.strict_limit = StrictLimit { rounds, time };
        self
    }

    /// Goes on, with a warning, where it cannot be known whether the image will be right: on a file system that is not
    /// known to be local, with `enable_blob_direct_write`, without any WAL, and where the MANIFEST names further paths
    /// that were not given.
    pub fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    /// At most so many tables and blobs are held open at once. Without further words it is what the soft limit of this
    /// process (`RLIMIT_NOFILE`) leaves, less a reserve; that limit is never changed.
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.open_files_limit = limit;
        self
    }

    /// The database is open in this very process: the image is one of [`CaptureKind::Handle`]. On which file system it
    /// lies does not matter then, since a process sees what it writes.
    pub fn in_this_process(mut self) -> Self {
        self.kind = CaptureKind::Handle;
        self
    }

    /// With a probe, for tests.
    #[cfg(feature = "probes")]
    pub fn with_probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probes = Probes::with(probe);
        self
    }
}

impl ImageSource for HotDirectory {
    fn describe(&self) -> String {
        format!("the database in {}", self.path.display())
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        let session = Session::begin(self, host, observer)?;
        Ok(Box::new(session.run(host)?))
    }
}
