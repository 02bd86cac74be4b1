//! What a capture asks of an open database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Clock, Result};

/// An open database that reports its files, and can keep them.
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
    /// WALs (`GetLiveFilesStorageInfo`). WAL buffers are flushed; memtables are flushed if requested.
    ///
    /// # Errors
    /// RocksDB's; `Unsupported` if it can report them only after a flush.
    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>>;
}

/// What happens to the memtables when files are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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

/// File deletions are disabled while this lives, whatever ends it: a return, an error, a panic.
pub(super) struct DeletionsDisabled<'a> {
    files: Arc<dyn LiveFiles + 'a>,
    clock: Arc<dyn Clock>,
    since: Instant,
}

impl<'a> DeletionsDisabled<'a> {
    /// Disables them.
    pub(super) fn new(files: &Arc<dyn LiveFiles + 'a>, clock: &Arc<dyn Clock>) -> Result<Self> {
        files.disable_file_deletions()?;
        Ok(DeletionsDisabled {
            files: Arc::clone(files),
            since: clock.instant(),
            clock: Arc::clone(clock),
        })
    }

    /// For how long they have been.
    pub(super) fn time(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.since)
    }
}

impl Drop for DeletionsDisabled<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.files.enable_file_deletions() {
            tracing::error!(reason = %error.one_line(), "file deletions could not be enabled again");
        }
    }
}
