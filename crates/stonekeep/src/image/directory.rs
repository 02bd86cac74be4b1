//! The directory of a database as the source of an image.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "probes")]
use super::hot::probe::Probe;
use super::hot::probe::Probes;
use super::lock::OwnDatabases;
use crate::{Clock, SystemClock};

/// How many rounds the strict rule of a hot capture has, unless a caller sets another limit.
const STRICT_ROUNDS: u64 = 200;

/// How long the strict rule of a hot capture has, unless a caller sets another limit.
const STRICT_TIME: Duration = Duration::from_secs(10);

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
    /// or in another container. See [`hot`](super::hot).
    Hot,
    /// As a checkpoint, which no process opens and whose WALs are in its own directory whatever OPTIONS says. Refused while
    /// a process has it open.
    Checkpoint,
    /// As a database that this very process has open: like a hot one, but its LOCK is not opened, the kind of the image is
    /// [`CaptureKind::Handle`](super::CaptureKind::Handle), and the file system does not matter, since a process sees what
    /// it writes.
    InProcess,
}

/// A database's directory. Each capture checks its LOCK: a database that is opened while it is captured as a closed one is
/// captured hot the next time.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(super) path: PathBuf,
    pub(super) kind: SourceKind,
    pub(super) wal_dir: Option<PathBuf>,
    pub(super) db_paths: Vec<PathBuf>,
    pub(super) forced: bool,
    pub(super) own_databases: OwnDatabases,
    /// When a hot capture may use the fallback rule: after so many rounds, or so long after the first of them.
    pub(super) strict_rounds: u64,
    pub(super) strict_time: Duration,
    pub(super) open_files_limit: Option<usize>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) probes: Probes,
}

impl Directory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>, kind: SourceKind) -> Self {
        Directory {
            path: path.into(),
            kind,
            wal_dir: None,
            db_paths: Vec::new(),
            forced: false,
            own_databases: OwnDatabases::Possible,
            strict_rounds: STRICT_ROUNDS,
            strict_time: STRICT_TIME,
            open_files_limit: None,
            clock: Arc::new(SystemClock),
            probes: Probes::default(),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its WALs are (`wal_dir`); otherwise OPTIONS is asked.
    pub fn with_wal_dir(mut self, wal_dir: Option<PathBuf>) -> Self {
        self.wal_dir = wal_dir;
        self
    }

    /// Further directories of its tables and blobs: those in `db_paths` and in the `cf_paths` of all column families,
    /// in any order. RocksDB writes them into no file. An image of several directories is flat: it restores into one.
    pub fn with_db_paths(mut self, db_paths: impl Into<Vec<PathBuf>>) -> Self {
        self.db_paths = db_paths.into();
        self
    }

    /// Goes on, with a warning, where the image may lack writes or be wrong:
    /// - in each capture, where the MANIFEST has lost its end and complete tables that it does not name hold later writes:
    ///   the image is what RocksDB would open, without these tables;
    /// - in a hot capture, on a file system that is not known to be local, with `enable_blob_direct_write`, without any WAL
    ///   or with damaged ones, and where the MANIFEST names further paths that were not given.
    pub fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    /// The caller's word that this process opens no database for writing, as one that links no RocksDB. Otherwise its own
    /// descriptors are looked through before each look at the LOCK: a process that closes any descriptor of a LOCK drops its
    /// own lock.
    pub fn of_other_processes(mut self) -> Self {
        self.own_databases = OwnDatabases::Never;
        self
    }

    /// After so many rounds, or so long after the first of them, a hot capture may use the fallback rule, too. Default: 200
    /// rounds or 10 seconds. After six times that long and a minute the capture gives up.
    pub fn with_strict_limit(mut self, rounds: u64, time: Duration) -> Self {
        (self.strict_rounds, self.strict_time) = (rounds, time);
        self
    }

    /// At most so many tables and blobs are held open at once by a hot capture. Default: what the soft limit of this process
    /// (`RLIMIT_NOFILE`) leaves, less a reserve. That limit is never changed.
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.open_files_limit = limit;
        self
    }

    /// With another clock, for the limits and pauses of a hot capture.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With a probe of hot captures, for tests.
    #[cfg(feature = "probes")]
    pub fn with_probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probes = Probes(Some(probe));
        self
    }
}
