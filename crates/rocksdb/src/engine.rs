//! A backup engine that takes handles of open databases.

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions};
use stonekeep::store::Store;
use stonekeep::{Observer, Quiet, Result};

use crate::{Live, LiveDatabase};

/// Backs up databases that this process has open. [`Self::as_engine`] gives the engine for everything else: restores,
/// verification, deletion, information.
#[derive(Debug, Clone)]
pub struct BackupEngine(stonekeep::engine::BackupEngine);

impl BackupEngine {
    /// Opens a repository for writing: see [`stonekeep::engine::BackupEngine::open`].
    ///
    /// # Errors
    /// The same.
    pub fn open(options: BackupEngineOptions, store: impl Into<Store>) -> Result<Self> {
        stonekeep::engine::BackupEngine::open(options, store).map(BackupEngine)
    }

    /// The engine of this repository.
    pub fn as_engine(&self) -> &stonekeep::engine::BackupEngine {
        &self.0
    }

    /// Backs up an open database (`CreateNewBackup`): every write that was acknowledged before the call is in the backup.
    /// Writes without WAL are in it only if memtables are flushed ([`CreateBackupOptions::flush_before_backup`]).
    ///
    /// # Errors
    /// Those of [`stonekeep::engine::BackupEngine::create_new_backup`], and RocksDB's.
    pub fn create_new_backup<D: LiveDatabase>(&self, database: &D) -> Result<CreateReport> {
        self.create_new_backup_with(database, &CreateBackupOptions::default(), &Quiet)
    }

    /// The same with options. [`Live`] has more of them.
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

impl From<stonekeep::engine::BackupEngine> for BackupEngine {
    fn from(engine: stonekeep::engine::BackupEngine) -> Self {
        BackupEngine(engine)
    }
}
