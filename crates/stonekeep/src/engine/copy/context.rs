//! What every step of a copy works with.

use stonekeep_format::BackupId;

use super::options::CopyOptions;
use crate::engine::BackupEngineReadOnly;
use crate::engine::transfer::{Amount, Meter};
use crate::store::{Durability, Store};
use crate::{Observer, Phase};

/// See the [module](self).
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The repository that the backups are in.
    pub(super) from: &'a BackupEngineReadOnly,
    /// The repository that they are copied to.
    pub(super) to: &'a BackupEngineReadOnly,
    pub(super) options: &'a CopyOptions,
    pub(super) observer: &'a dyn Observer,
}

impl<'a> Context<'a> {
    pub(super) fn source(&self) -> &'a Store {
        self.from.store()
    }

    pub(super) fn target(&self) -> &'a Store {
        self.to.store()
    }

    pub(super) fn durability(&self) -> Durability {
        self.to.durability()
    }

    /// What the target's options say, else what the slower of both places needs.
    pub(super) fn workers(&self) -> usize {
        match self.to.options().max_background_operations {
            Some(workers) => workers.get(),
            None => self.to.workers().max(self.from.workers()),
        }
    }

    /// Counts the files of one backup, after those of the backups before.
    pub(super) fn meter(&self, before: Amount, to_do: Amount) -> Meter<'a> {
        let total = before + to_do;
        let limiter = &self.to.backup_rate_limiter;
        let (done, total) = ((before.files, before.bytes), (total.files, total.bytes));
        self.to
            .meter_on(self.observer, limiter, Phase::Copying, done, total)
    }

    /// A backup of the source, for messages.
    pub(super) fn backup_of_source(&self, id: BackupId) -> String {
        format!("backup {id} of {}", self.source().location())
    }
}
