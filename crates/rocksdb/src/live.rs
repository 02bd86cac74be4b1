//! An open database as the source of an image.

use std::fmt;
use std::path::PathBuf;

use stonekeep::image::handle::OpenDatabase;
use stonekeep::image::hot::HotDirectory;
use stonekeep::image::{Capture, CaptureHost, ImageSource};
use stonekeep::{Observer, Result};

use crate::LiveDatabase;

/// An open database, for all verbs of [`stonekeep::engine::BackupEngine`] that take an [`ImageSource`].
///
/// A database that tells its files is captured as [`stonekeep::image::handle`] says: then the last attempt at it keeps
/// file deletions disabled until this is dropped. One that does not is captured by its directory, as
/// [`stonekeep::image::hot`] says, after its WAL buffers have been flushed; its `LOCK` is never opened.
pub struct Live<'a> {
    database: &'a dyn LiveDatabase,
    way: Way<'a>,
}

/// How it is captured.
enum Way<'a> {
    Told(OpenDatabase<'a>),
    Directory(HotDirectory),
}

impl<'a> Live<'a> {
    /// This database.
    pub fn new(database: &'a dyn LiveDatabase) -> Self {
        let way = match database.files() {
            Some(files) => Way::Told(OpenDatabase::new(database.directory(), files)),
            None => Way::Directory(HotDirectory::new(database.directory()).in_this_process()),
        };
        Live { database, way }
    }

    /// At most so many tables and blobs are held open at once. Without further words it is what the soft limit of this
    /// process (`RLIMIT_NOFILE`) leaves, less a reserve. That limit is never changed: files that are stored already are
    /// not opened, and of the others those that are too many are copied before the rest is captured.
    #[must_use]
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.way = match self.way {
            Way::Told(source) => Way::Told(source.with_open_files_limit(limit)),
            Way::Directory(source) => Way::Directory(source.with_open_files_limit(limit)),
        };
        self
    }

    /// Further directories of tables and blobs (`db_paths`, `cf_paths`), for a database that does not tell its files:
    /// RocksDB writes them into no file.
    #[must_use]
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.way = match self.way {
            Way::Directory(source) => Way::Directory(source.with_db_paths(db_paths)),
            told => told,
        };
        self
    }
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("directory", &self.database.directory())
            .field("tells_its_files", &matches!(self.way, Way::Told(_)))
            .finish_non_exhaustive()
    }
}

impl ImageSource for Live<'_> {
    fn describe(&self) -> String {
        format!("the open database in {}", self.database.directory().display())
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.database.directory().to_owned())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        match &self.way {
            Way::Told(source) => source.capture(host, observer),
            Way::Directory(source) => {
                if host.flush_before_backup() && host.attempt() == 1 {
                    self.database.flush_memtables()?;
                }
                self.database.flush_wal()?;
                source.capture(host, observer)
            }
        }
    }
}
