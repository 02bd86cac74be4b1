//! What backups there are, and what is known of each without restoring it.

mod diff;
mod inspection;
#[cfg(feature = "serde")]
mod json;
mod latest;
mod report;
mod sharing;
mod verification;

use stonekeep_format::BackupId;

pub use self::diff::{BackupDiff, DiffSide};
use self::inspection::{Asked, inspect, inspect_alone};
#[cfg(feature = "serde")]
pub(crate) use self::json::maybe_time;
pub(super) use self::latest::Candidates;
pub use self::latest::{PassedOver, WhichBackup};
use self::report::unreadable;
pub use self::report::{BackupFileInfo, BackupInfo, BackupState, InfoDetail, RepositoryInfo};
use super::BackupEngineReadOnly;
use crate::repo::catalog::{self, MetaState};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::no_such_backup;
use crate::store::Store;
use crate::{ErrorKind, Result};

impl BackupEngineReadOnly {
    /// The backups that exist, oldest first: one listing, nothing is read.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn backup_ids(&self) -> Result<Vec<BackupId>> {
        Ok(catalog::list(self.store())?.ids)
    }

    /// What is known of a backup (`GetBackupInfo`). That it is corrupt is a state, not an error.
    ///
    /// # Errors
    /// `NotFound`, and I/O errors of the store.
    pub fn get_backup_info(&self, id: BackupId, detail: InfoDetail) -> Result<BackupInfo> {
        let store = self.store();
        if detail == InfoDetail::Head {
            return head_of(store, id, catalog::load(store, id)?);
        }
        if !store.traits().lists {
            return inspect_alone(self, id, detail);
        }
        let index = RepositoryIndex::new(store);
        let inspected = match index.backups()?.ids.binary_search(&id) {
            Ok(_) => inspect(self, &index, Asked::One(id), detail)?.backups.pop(),
            Err(_) => None,
        };
        inspected.ok_or_else(|| no_such_backup(store, id))
    }

    /// What is known of all backups (`GetBackupInfo`, `GetCorruptedBackups`); with `max_valid_backups_to_open`, of no more
    /// than so many of the newest that are not corrupt, and of corrupt ones between them.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_all_backup_info(&self, detail: InfoDetail) -> Result<RepositoryInfo> {
        let store = self.store();
        let (index, wanted) = (
            RepositoryIndex::new(store),
            self.options().max_valid_backups_to_open,
        );
        let inspected = if detail == InfoDetail::Head {
            None
        } else {
            let asked = wanted.map_or(Asked::All, Asked::Newest);
            Some(inspect(self, &index, asked, detail)?)
        };
        let total_bytes = inspected.as_ref().map(|inspected| inspected.total_bytes);
        let verified = inspected.as_ref().map(|inspected| inspected.verified);
        let last_drill_seconds = inspected
            .as_ref()
            .and_then(|inspected| inspected.last_drill_seconds);
        let (backups, forgotten) = match inspected {
            Some(inspected) => (inspected.backups, inspected.warnings),
            None => (self.heads(&index, wanted.unwrap_or(usize::MAX))?, Vec::new()),
        };
        let mut unknown = index.backups()?.unknown.clone();
        unknown.sort_unstable();
        let own = backups.iter().flat_map(|backup| backup.warnings.iter().cloned());
        // RocksDB's collector takes some names for leftovers, and deletes the backups of those numbers.
        let private = index.private()?.iter();
        let foreign = private.filter_map(|entry| catalog::warn_of_private(&entry.name));
        let warnings = own.chain(foreign).chain(forgotten).collect();
        Ok(RepositoryInfo {
            location: store.location().to_owned(),
            backups,
            unknown_files: unknown,
            total_bytes,
            oldest_verified_seconds: verified.and_then(|verified| verified.oldest_seconds),
            last_drill_seconds,
            never_verified_bytes: verified.map(|verified| verified.never_bytes),
            warnings,
        })
    }

    /// No more than so many backups of the newest ones that are not corrupt, oldest first.
    fn heads(&self, index: &RepositoryIndex<'_>, wanted: usize) -> Result<Vec<BackupInfo>> {
        let (mut backups, mut valid) = (Vec::new(), 0);
        for id in index.backups()?.ids.iter().rev() {
            if valid >= wanted {
                break;
            }
            match catalog::load(index.store(), *id) {
                Ok(state) => {
                    let info = head_of(index.store(), *id, state)?;
                    valid += usize::from(info.state.may_be_valid());
                    backups.push(info);
                }
                // Deleted since the listing.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        backups.reverse();
        Ok(backups)
    }

    /// The newest backup whose meta file can be read, unchecked (`GetLatestBackupInfo`).
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_latest_backup_info(&self) -> Result<Option<BackupInfo>> {
        let store = self.store();
        for id in self.backup_ids()?.into_iter().rev() {
            match catalog::load(store, id) {
                Ok(state @ MetaState::Readable(_)) => return head_of(store, id, state).map(Some),
                Ok(MetaState::Unreadable(_)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// What the meta file and our facts say of a backup.
fn head_of(store: &Store, id: BackupId, state: MetaState) -> Result<BackupInfo> {
    match state {
        MetaState::Readable(loaded) => Ok(BackupInfo::of(&loaded, loaded.facts_head(store)?.as_ref())),
        MetaState::Unreadable(error) => Ok(unreadable(id, &error)),
    }
}
