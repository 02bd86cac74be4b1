//! An open database as the source of an image.

use std::fmt;
use std::path::PathBuf;

use stonekeep::image::handle::OpenDatabase;
use stonekeep::image::{Capture, CaptureHost, Directory, ImageSource, SourceKind};
use stonekeep::{Observer, Result};

use crate::LiveDatabase;

/// An open database, for all methods of [`stonekeep::engine::BackupEngine`] that take an [`ImageSource`].
///
/// A database that reports its files is captured as [`stonekeep::image::handle`] describes. The last attempt keeps file
/// deletions disabled until this value is dropped. Any other database is captured by its directory, as
/// [`stonekeep::image::hot`] describes, after its WAL buffers have been flushed. Its `LOCK` is never opened.
pub struct Live<'a> {
    database: &'a dyn LiveDatabase,
    /// Captures the files that RocksDB reports, if it does.
    reported: Option<OpenDatabase<'a>>,
    /// Captures the files in the directory otherwise.
    directory: Directory,
}

impl<'a> Live<'a> {
    /// The source for this database.
    pub fn new(database: &'a dyn LiveDatabase) -> Self {
        let directory = database.directory();
        Live {
            database,
            reported: database.files().map(|files| OpenDatabase::new(directory, files)),
            directory: Directory::new(directory, SourceKind::InProcess),
        }
    }

    /// How many tables and blobs may be held open at once. Default: what the soft limit of this process (`RLIMIT_NOFILE`)
    /// leaves, less a reserve. That limit is never changed. Files that are stored already are not opened. Of the others,
    /// those above the limit are copied before the rest is captured.
    #[must_use]
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.reported = self
            .reported
            .map(|reported| reported.with_open_files_limit(limit));
        self.directory = self.directory.with_open_files_limit(limit);
        self
    }

    /// Further directories of tables and blobs (`db_paths`, `cf_paths`). RocksDB writes them into no file, so a database
    /// that does not report its files needs them. One that does finds its files without them; the directories must exist
    /// all the same, and count as the database's own.
    #[must_use]
    pub fn with_db_paths(mut self, db_paths: impl Into<Vec<PathBuf>>) -> Self {
        let db_paths = db_paths.into();
        self.reported = self
            .reported
            .map(|reported| reported.with_db_paths(db_paths.clone()));
        self.directory = self.directory.with_db_paths(db_paths);
        self
    }
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("directory", &self.database.directory())
            .field("reports_its_files", &self.reported.is_some())
            .finish_non_exhaustive()
    }
}

impl ImageSource for Live<'_> {
    fn describe(&self) -> String {
        format!("the open database in {}", self.database.directory().display())
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.directory.directories()
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        if let Some(reported) = &self.reported {
            return reported.capture(host, observer);
        }
        if host.flush_before_backup() && host.attempt() == 1 {
            self.database.flush_memtables()?;
        }
        self.database.flush_wal()?;
        self.directory.capture(host, observer)
    }
}
