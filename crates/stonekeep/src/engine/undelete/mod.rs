//! Undeleting: a backup that was deleted for a while comes back.
//!
//! Its record in `stonekeep/deleted` has the bytes of its meta file, and its files stay until the deadline beside it.
//!
//! - **U1** The writer's lock is taken, and the record is found. A backup that exists is not touched: RocksDB's engine may have
//!   given the id again.
//! - **U2** Every file is looked at, and read to the end for its checksum. One that is missing or wrong ends the run: RocksDB's
//!   engine and older versions know no deadlines, and may have removed it.
//! - **U3** The meta file is put if absent, and made durable, which is the commit. Then the files are looked at once more.
//! - **U4** Record and deadline are removed.
//!
//! | stopped | state |
//! |---|---|
//! | before U3 | the backup is deleted, as before |
//! | after the meta file is put | the backup exists; the record beside it says nothing, and the next run removes it |

mod check;
mod report;

use stonekeep_format::BackupId;

use self::check::check;
pub use self::report::{DeletedBackup, UndeleteReport};
use super::callbacks::guarded;
use super::info::BackupInfo;
use super::{BackupEngine, BackupEngineReadOnly, meta_commit};
use crate::repo::garbage::{self, Deadline};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::{self, catalog, latest_hint, layout, record_text};
use crate::store::{Durability, Held, Persist, Store};
use crate::{Error, Observer, Result};

impl BackupEngineReadOnly {
    /// The deleted backups that can be undeleted, oldest first.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn deleted_backups(&self) -> Result<Vec<DeletedBackup>> {
        let (store, now) = (self.store(), self.time());
        let mut deleted = Vec::new();
        for (loaded, deadline) in garbage::deleted(store)? {
            if let Some(deadline) = deadline {
                deleted.push(DeletedBackup {
                    until_seconds: deadline.seconds(),
                    is_over: deadline.is_over(now),
                    info: BackupInfo::of(&loaded, loaded.facts_head(store)?.as_ref()),
                });
            }
        }
        deleted.sort_by_key(|backup| backup.info.id);
        Ok(deleted)
    }
}

impl BackupEngine {
    /// Puts a deleted backup back, if all of its files are there and right. That works after its deadline, too, as long as no
    /// collection has removed them.
    ///
    /// # Errors
    /// `NotFound` if no such backup was deleted, or a file of it is gone; `Corrupt` if a file is damaged; `Refused` if a backup
    /// of this id exists; `Locked` if another process writes into the repository, `Stopped`, and I/O errors.
    pub fn undelete_backup(&self, id: BackupId, observer: &dyn Observer) -> Result<UndeleteReport> {
        guarded(observer, |observer| self.undelete(id, observer))
    }

    fn undelete(&self, id: BackupId, observer: &dyn Observer) -> Result<UndeleteReport> {
        let store = self.store();
        store.require_collectable()?;
        repo::require(&RepositoryIndex::new(store))?;
        let lock = self.reader.lock(observer)?;
        repo::settle(store, &lock, self.reader.workers())?;
        if catalog::list(store)?.version(id).is_some() {
            return Err(Error::refused(format!(
                "backup {id} exists in {}",
                store.location()
            )));
        }
        let deleted = self.record_of(id)?;
        let report = check(&self.reader, &deleted, observer)?;
        lock.check()?;
        self.put_back(&deleted, &lock)?;
        Ok(report)
    }

    /// The record of a backup; of several, the one that stays longest.
    fn record_of(&self, id: BackupId) -> Result<LoadedMeta> {
        let of_id = garbage::deleted(self.store())?.into_iter();
        let of_id = of_id.filter(|(loaded, _)| loaded.id == id);
        let stays = |deadline: Option<Deadline>| match deadline.map(Deadline::seconds) {
            None => i64::MIN,
            Some(seconds) => seconds.unwrap_or(i64::MAX),
        };
        let found = of_id.max_by_key(|(_, deadline)| stays(*deadline));
        found.map(|(loaded, _)| loaded).ok_or_else(|| {
            let message = format!(
                "backup {id} was not deleted for a while in {}",
                self.store().location()
            );
            Error::not_found(message)
                .with_hint("deleted_backups (list --deleted) has those that can be undeleted")
        })
    }

    /// U3 and U4.
    fn put_back(&self, deleted: &LoadedMeta, lock: &Held) -> Result<()> {
        let (store, id) = (self.store(), deleted.id);
        let record = layout::deleted(id, deleted.crc32c);
        let text = record_text::read(store, &record)?;
        if !deleted.is_of(&text) {
            return Err(Error::corrupt(
                record.as_str(),
                "it has changed since it was read",
            ));
        }
        let run = format!("undelete-{id}");
        let put = meta_commit::put(store, &run, id, &text, Durability::Durable);
        let discarded = store.discard(&run);
        if !put? {
            return Err(Error::refused(format!(
                "backup {id} exists in {}",
                store.location()
            )));
        }
        discarded?;
        last_look(store, deleted).map_err(|error| meta_commit::after_last_look(store, id, error))?;
        lock.check()?;
        repo::settle(store, lock, self.reader.workers())?;
        store.persist(
            Persist::Names(&[layout::deleted_directory()]),
            self.reader.durability(),
        )?;
        latest_hint::repair(store, catalog::list(store)?.ids.last().copied());
        Ok(())
    }
}

/// A foreign engine may have collected garbage meanwhile.
fn last_look(store: &Store, loaded: &LoadedMeta) -> Result<()> {
    let facts = loaded.facts_for_sizes(store)?;
    let findings = RepositoryIndex::new(store).findings(loaded, facts.as_ref())?;
    match findings.into_iter().next() {
        None => Ok(()),
        Some(finding) => Err(Error::corrupt(finding.file, finding.reason)),
    }
}
