//! A database whose answers somebody may spoil.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::Result;
use stonekeep_rocksdb::{LiveDatabase, LiveFile, LiveFiles, Memtables};

use crate::handles::TellingDb;

/// What is done to the answer with this number, counted from 1.
pub(crate) type Deed<'a> = dyn Fn(u32, Vec<LiveFile>) -> Result<Vec<LiveFile>> + Send + Sync + 'a;

/// See the [module](self).
pub(crate) struct Meddled<'a> {
    db: &'a TellingDb,
    deed: Box<Deed<'a>>,
    answers: AtomicU32,
}

impl<'a> Meddled<'a> {
    pub(crate) fn new(
        db: &'a TellingDb,
        deed: impl Fn(u32, Vec<LiveFile>) -> Result<Vec<LiveFile>> + Send + Sync + 'a,
    ) -> Self {
        Meddled {
            db,
            deed: Box::new(deed),
            answers: AtomicU32::new(0),
        }
    }

    /// How often it was asked.
    pub(crate) fn answers(&self) -> u32 {
        self.answers.load(Ordering::SeqCst)
    }

    fn files(&self) -> Arc<dyn LiveFiles + 'a> {
        LiveDatabase::files(self.db).unwrap()
    }
}

impl LiveDatabase for Meddled<'_> {
    fn directory(&self) -> &Path {
        LiveDatabase::directory(self.db)
    }

    fn flush_wal(&self) -> Result<()> {
        LiveDatabase::flush_wal(self.db)
    }

    fn flush_memtables(&self) -> Result<()> {
        LiveDatabase::flush_memtables(self.db)
    }

    fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
        Some(Arc::new(self))
    }
}

impl LiveFiles for &Meddled<'_> {
    fn disable_file_deletions(&self) -> Result<()> {
        Meddled::files(self).disable_file_deletions()
    }

    fn enable_file_deletions(&self) -> Result<()> {
        Meddled::files(self).enable_file_deletions()
    }

    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>> {
        let number = self.answers.fetch_add(1, Ordering::SeqCst) + 1;
        (self.deed)(number, Meddled::files(self).live_files(memtables)?)
    }
}
