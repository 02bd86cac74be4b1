//! Backups that a writer which lost its lock may still commit: one that was paused just before its commit, and whose request
//! is carried out after another writer has taken the lock over.
//!
//! The commit of such a writer names files that nobody kept for it. So what it has claimed is written down when its lock is
//! taken over, and looked at by later writers and collectors, under the lock:
//!
//! | stopped | state |
//! |---|---|
//! | before the record is put | the lock is still the dead writer's, or is dead itself: the next take-over puts it |
//! | with the record, without a meta file | nothing; the record goes when it is a day old |
//! | with the record, and a meta file | the backup is withdrawn if a file is missing or has another size, else it is a backup |
//!
//! Where uploads are renamed by their writer, the rename itself fails after a take-over, and nothing is doubtful.

use std::collections::BTreeSet;
use std::time::Duration;

use stonekeep_format::BackupId;

use super::catalog;
use super::garbage;
use super::index::RepositoryIndex;
use super::layout;
use super::loaded_meta::MetaState;
use crate::store::{Durability, Entry, Held, PutContent, PutMode, Store, Uploads};
use crate::{ErrorKind, Result};

/// So long a record stays: a writer that was woken may have committed, and died before it looked again.
const STAYS: Duration = Duration::from_secs(24 * 60 * 60);

/// What is written down.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn list(store: &Store) -> Result<Vec<Entry>> {
    if store.traits().uploads != Uploads::Named {
        return Ok(Vec::new());
    }
    store.list(Some(&layout::doubtful_directory()))
}

/// Writes down what a dead holder of the lock has claimed, if the lock was taken over, and looks at what was written down before.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn settle(store: &Store, lock: &Held, mut listed: Vec<Entry>) -> Result<()> {
    if lock.took_over() && store.traits().uploads == Uploads::Named {
        record(store)?;
        listed = list(store)?;
    }
    for entry in listed {
        if let Some(id) = BackupId::parse(&entry.name) {
            look(store, id, &entry)?;
        }
    }
    Ok(())
}

/// Puts a record for each claimed id that has no meta file.
fn record(store: &Store) -> Result<()> {
    let committed = catalog::list(store)?.ids;
    for entry in store.names(Some(&layout::ids_directory()))? {
        let id = BackupId::parse(&entry.name).filter(|id| committed.binary_search(id).is_err());
        let Some(id) = id else { continue };
        let content = PutContent::Bytes(b"its writer lost the lock\n");
        let key = layout::doubtful(id);
        store.put("doubtful", &key, content, PutMode::IfAbsent, Durability::Durable)?;
    }
    Ok(())
}

fn look(store: &Store, id: BackupId, entry: &Entry) -> Result<()> {
    match catalog::load(store, id) {
        Ok(MetaState::Readable(loaded)) => {
            let findings = RepositoryIndex::new(store).findings(&loaded, None)?;
            if let Some(finding) = findings.first() {
                tracing::warn!(%id, %finding, "a writer that had lost its lock committed an incomplete backup: it is withdrawn");
                garbage::withdraw(store, &BTreeSet::from([id]), None, &|| Ok(()))?;
            }
        }
        Ok(MetaState::Unreadable(_)) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let age = store.now().zip(entry.modified);
    let age = age.and_then(|(now, modified)| now.duration_since(modified).ok());
    match age {
        Some(age) if age >= STAYS => store.delete_one(&layout::doubtful(id)),
        _ => Ok(()),
    }
}
