//! The engine, with the verb that takes a handle.

use std::ops::Deref;

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions};
use stonekeep::store::Store;
use stonekeep::{Observer, Quiet, Result};

use crate::{Live, LiveDatabase};

/// [`stonekeep::engine::BackupEngine`], which backs up what this process has open. All other verbs are that engine's.
#[derive(Debug, Clone)]
pub struct BackupEngine(stonekeep::engine::BackupEngine);

impl BackupEngine {
    /// Opens a repository for writing: see [`stonekeep::engine::BackupEngine::open`].
    ///
    /// # Errors
    /// The same.
    pub fn open(options: BackupEngineOptions, store: Store) -> Result<Self> {
        stonekeep::engine::BackupEngine::open(options, store).map(BackupEngine)
    }

    /// Backs up an open database (`CreateNewBackup`): every write that was acknowledged before the call is in the backup,
    /// whatever its buffers; but what was written without WAL only if memtables are flushed
    /// ([`CreateBackupOptions::flush_before_backup`]).
    ///
    /// # Errors
    /// Those of [`stonekeep::engine::BackupEngine::create_new_backup`], and RocksDB's.
    pub fn create_new_backup<D: LiveDatabase>(&self, database: &D) -> Result<CreateReport> {
        self.create_new_backup_with(database, &CreateBackupOptions::default(), &Quiet)
    }

    /// The same with options. For more of them there is [`Live`].
    ///
    /// # Errors
    /// The same.
    pub fn create_new_backup_with<D: LiveDatabase>(
        &self,
        database: &D,
        options: &CreateBackupOptions,
        observer: &dyn Observer,
    ) -> Result<CreateReport> {
        self.0.create_new_backup(&Live::new(database), options, observer)
    }
}

impl Deref for BackupEngine {
    type Target = stonekeep::engine::BackupEngine;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<stonekeep::engine::BackupEngine> for BackupEngine {
    fn from(engine: stonekeep::engine::BackupEngine) -> Self {
        BackupEngine(engine)
    }
}
