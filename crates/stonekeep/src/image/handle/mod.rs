//! A database that this process has open, captured with RocksDB's help: what RocksDB's own engine does, with file
//! deletions disabled for as long as it takes to open files instead of to copy them.
//!
//! # Steps
//! 1. RocksDB is asked for its files, after a flush if that is wanted. The MANIFEST is read, the host says which files it
//!    needs. Where those are many, the host copies them at once, and the step is repeated for what is new since.
//! 2. File deletions are disabled. RocksDB is asked once more: now every file that it names stays, every WAL too.
//! 3. The MANIFEST is read on, up to the size that RocksDB told. What is new is opened, if the host needs it.
//! 4. The WALs are opened, of which the sizes count that RocksDB told. Those that may be recycled are read: they are
//!    written over as soon as they are obsolete, whoever has them open.
//! 5. **Close.** What was added to the MANIFEST behind that size is looked at. Flushes and compactions change nothing in
//!    what the database holds. Column families that came or went and ingested files do, and the WALs may have writes
//!    that came after them: then steps 2 to 5 are repeated. RocksDB's engine does not look.
//! 6. File deletions are enabled again, whatever happened. The WALs are read through, and cut behind their last complete
//!    record.
//! 7. When all is copied, the length of each open file is looked at: `SstFileManager` shortens large files that it
//!    deletes slowly, open or not. One that has become too short means another capture.
//!
//! The last attempt keeps deletions disabled until all is copied, as RocksDB's engine does; so does one whose files are
//! more than may be open, for a host that copies nothing early.
//!
//! # Why it is one state
//! Let M be the state when RocksDB answers in step 2. Its tables and blobs are kept from there on. Each write that they
//! lack is in a WAL that M needs, and those are kept as well; a WAL that is younger than M is not in the answer. RocksDB
//! flushes its WAL buffers after M and before it takes the sizes (`DBImpl::GetLiveFilesStorageInfo`,
//! `db/db_filesnapshot.cc`), so every write that was acknowledged before is there. What M holds and what the WALs add is
//! therefore one prefix of all writes, for all column families, unless something changed the database that stands in
//! the MANIFEST alone. Step 5 excludes that.

mod answer;
mod deletions;
mod session;
mod told;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use self::deletions::DeletionsDisabled;
use self::session::Session;
use super::{Capture, CaptureHost, ImageSource};
use crate::{Observer, Result};

/// An open database that tells its files, and keeps them.
pub trait LiveFiles: Send + Sync {
    /// From now on no file is deleted (`DisableFileDeletions`). RocksDB counts these calls.
    ///
    /// # Errors
    /// RocksDB's; `Unsupported` for a handle that only reads.
    fn disable_file_deletions(&self) -> Result<()>;

    /// Takes back one [`Self::disable_file_deletions`] (`EnableFileDeletions`).
    ///
    /// # Errors
    /// RocksDB's.
    fn enable_file_deletions(&self) -> Result<()>;

    /// The files that are the database at this moment, and how many bytes of them count: tables, blobs, MANIFEST, OPTIONS,
    /// WALs (`GetLiveFilesStorageInfo`). WAL buffers are flushed, memtables as told.
    ///
    /// # Errors
    /// RocksDB's; `Unsupported` if it can only tell them after a flush.
    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>>;
}

/// What becomes of the memtables when files are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memtables {
    /// They stay: what they hold is in the WALs.
    Keep,
    /// They are written into tables first.
    Flush,
}

impl Memtables {
    /// `LiveFilesStorageInfoOptions::wal_size_for_flush`.
    pub fn wal_size_for_flush(self) -> u64 {
        match self {
            Memtables::Keep => u64::MAX,
            Memtables::Flush => 0,
        }
    }
}

/// A file of an open database (`LiveFileStorageInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes of it count.
    pub size_bytes: u64,
}

/// An open database. See the [module](self) for how it is captured.
///
/// An attempt that keeps file deletions disabled to the end does so until this is dropped, or captured again.
pub struct OpenDatabase<'a> {
    directory: PathBuf,
    files: Arc<dyn LiveFiles + 'a>,
    open_files_limit: Option<usize>,
    kept: Mutex<Option<DeletionsDisabled<'a>>>,
}

impl<'a> OpenDatabase<'a> {
    /// The database in this directory.
    pub fn new(directory: impl Into<PathBuf>, files: Arc<dyn LiveFiles + 'a>) -> Self {
        OpenDatabase {
            directory: directory.into(),
            files,
            open_files_limit: None,
            kept: Mutex::new(None),
        }
    }

    /// At most so many tables and blobs are held open at once. Without further words it is what the soft limit of this
    /// process (`RLIMIT_NOFILE`) leaves, less a reserve; that limit is never changed.
    #[must_use]
    pub fn with_open_files_limit(mut self, limit: Option<usize>) -> Self {
        self.open_files_limit = limit;
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

    fn directory(&self) -> Option<PathBuf> {
        Some(self.directory.clone())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        self.keep(None);
        let session = Session::begin(self, host, observer)?;
        let (capture, kept) = session.run(host)?;
        self.keep(kept);
        Ok(Box::new(capture))
    }
}
