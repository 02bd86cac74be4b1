//! An open database as the source of an image.

use std::fmt;
use std::path::PathBuf;

use stonekeep::image::handle::OpenDatabase;
use stonekeep::image::hot::HotDirectory;
use stonekeep::image::{Capture, CaptureHost, ImageSource};
use stonekeep::{Observer, Result};

use crate::LiveDatabase;

/// An open database, for all methods of [`stonekeep::engine::BackupEngine`] that take an [`ImageSource`].
///
/// A database that reports its files is captured as [`stonekeep::image::handle`] describes. The last attempt keeps file
/// deletions disabled until this value is dropped. Any other database is captured by its directory, as
/// [`stonekeep::image::hot`] describes, after its WAL buffers have been flushed. Its `LOCK` is never opened.
pub struct Live<'a> {
    database: &'a dyn LiveDatabase,
    source: Source<'a>,
}

/// What the image is taken of.
enum Source<'a> {
    /// The files that RocksDB reports.
    Reported(OpenDatabase<'a>),
    Directory(HotDirectory),
}

impl<'a> Live<'a> {
    /// The source for this database.
    pub fn new(database: &'a dyn LiveDatabase) -> Self {
        let source = match database.files() {
            Some(files) => Source::Reported(OpenDatabase::new(database.directory(), files)),
            None => Source::Directory(HotDirectory::new(database.directory()).in_this_process()),
        };
        Live { database, source }
    }

    /// How many tables and blobs may be held open at once. Default: what the soft limit of this process (`RLIMIT_NOFILE`)
    /// leaves, less a reserve. That limit is never changed. Files that are stored already are not opened. Of the others,
    /// those above the limit are copied before the rest is captured.
    #[must_use]
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.source = match self.source {
            Source::Reported(source) => Source::Reported(source.with_open_files_limit(limit)),
            Source::Directory(source) => Source::Directory(source.with_open_files_limit(limit)),
        };
        self
    }

    /// Further directories of tables and blobs (`db_paths`, `cf_paths`). RocksDB writes them into no file, so a database
    /// that does not report its files needs them. One that does finds its files without them; the directories must exist
    /// all the same, and count as the database's own.
    #[must_use]
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.source = match self.source {
            Source::Reported(source) => Source::Reported(source.with_db_paths(db_paths)),
            Source::Directory(source) => Source::Directory(source.with_db_paths(db_paths)),
        };
        self
    }
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("directory", &self.database.directory())
            .field("reports_its_files", &matches!(self.source, Source::Reported(_)))
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
        match &self.source {
            Source::Reported(source) => source.capture(host, observer),
            Source::Directory(source) => {
                if host.flush_before_backup() && host.attempt() == 1 {
                    self.database.flush_memtables()?;
                }
                self.database.flush_wal()?;
                source.capture(host, observer)
            }
        }
    }
}
