//! Holding backups: what an operator holds is deleted by no verb of ours until it is released, or its time is over.
//!
//! A hold is a record in the repository (`docs/repository-format.md`); readers' pins are another thing. RocksDB's engine and versions of
//! Stonekeep before holds know nothing of them, and delete what they are told to.

use std::time::SystemTime;

use jiff::Timestamp;
use stonekeep_format::BackupId;

use super::{BackupEngine, BackupEngineReadOnly};
pub use crate::repo::holds::Hold;
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::{LoadedMeta, no_such_backup};
use crate::repo::{self, holds};
use crate::{Error, ErrorKind, Observer, Result};

/// How a backup is held.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HoldOptions {
    /// When the hold ends by itself.
    pub until: Option<SystemTime>,
    /// Why, for whoever wants to delete the backup.
    pub reason: String,
    /// The machine that it is held on, for the record.
    pub host: Option<String>,
}

impl HoldOptions {
    /// Sets [`Self::until`].
    #[must_use]
    pub fn with_until(mut self, until: impl Into<Option<SystemTime>>) -> Self {
        self.until = until.into();
        self
    }

    /// Sets [`Self::reason`].
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Sets [`Self::host`].
    #[must_use]
    pub fn with_host(mut self, host: impl Into<Option<String>>) -> Self {
        self.host = host.into();
        self
    }
}

impl BackupEngine {
    /// Holds a backup, valid or not, in the place of an earlier hold: delete, purge and `destroy_old_data` refuse to delete it.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, `InvalidArgument` for a time that is over, `Locked` if another process writes
    /// into the repository, and I/O errors.
    pub fn hold_backup(&self, id: BackupId, options: &HoldOptions, observer: &dyn Observer) -> Result<Hold> {
        let store = self.store();
        repo::require(&RepositoryIndex::new(store))?;
        let lock = self.reader.lock(observer)?;
        repo::settle(store, &lock, self.reader.workers())?;
        let now = self.reader.time();
        if options.until.is_some_and(|until| until <= now) {
            return Err(Error::invalid("the hold would be over already"));
        }
        let meta = LoadedMeta::unparsed(store, id).map_err(|error| match error.kind() {
            ErrorKind::NotFound => no_such_backup(store, id),
            _ => error,
        })?;
        let hold = Hold {
            backup_id: id,
            meta_crc32c: meta.crc32c.0,
            held_at_seconds: seconds(now),
            until_seconds: options.until.map(seconds),
            reason: options.reason.clone(),
            host: options.host.clone(),
        };
        holds::put(store, &hold)?;
        Ok(hold)
    }

    /// Ends all holds of a backup, also of one that does not exist any more; returns them.
    ///
    /// # Errors
    /// `NotFound` if it is not held, `Locked` if another process writes into the repository, and I/O errors.
    pub fn release_backup(&self, id: BackupId, observer: &dyn Observer) -> Result<Vec<Hold>> {
        let store = self.store();
        repo::require(&RepositoryIndex::new(store))?;
        let _lock = self.reader.lock(observer)?;
        let mut all = holds::read(store, self.reader.time(), self.reader.workers())?;
        all.holds.append(&mut all.over);
        all.holds.retain(|hold| hold.backup_id == id);
        if all.holds.is_empty() {
            let message = format!("backup {id} is not held in {}", store.location());
            return Err(Error::not_found(message));
        }
        holds::remove(store, &all.holds)?;
        Ok(all.holds)
    }
}

impl BackupEngineReadOnly {
    /// The holds that are not over, also of backups that do not exist any more.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn holds(&self) -> Result<Vec<Hold>> {
        Ok(holds::read(self.store(), self.time(), self.workers())?.holds)
    }

    /// The time of the store where it has one: a machine's may be wrong.
    pub(super) fn time(&self) -> SystemTime {
        self.store().now().unwrap_or_else(|| self.clock.now())
    }
}

fn seconds(time: SystemTime) -> i64 {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX).as_second()
}
