//! The step by which a backup ceases to exist: a record of it is put in `stonekeep/deleted`, then its meta file is deleted.
//!
//! | stopped | state |
//! |---|---|
//! | before the records are durable | every backup exists; a record beside its meta file says nothing, see [`drop_void_records`] |
//! | while meta files are deleted | each backup exists, or is deleted with its record |
//! | before `meta/` is synced | the same after a power failure; nothing of a deleted backup has been removed yet |
//!
//! Earlier versions renamed the meta file to its record, which left the same states behind, and both names of one file
//! where the rename was interrupted.

use std::collections::BTreeSet;

use stonekeep_format::{BackupId, Crc32c};

use super::deadline::{self, Deadline};
use crate::repo::{catalog, layout};
use crate::store::{self, Durability, Entry, Key, Persist, Put, PutContent, PutMode, Store};
use crate::{Error, ErrorKind, Quiet, Result};

/// In the name of a record whose meta file could not be read.
const NO_CHECKSUM: Crc32c = Crc32c(0);

/// What became of the backups that were to be deleted.
#[derive(Debug, Default)]
pub struct Withdrawn {
    /// Those that do not exist any more, also those that were gone before.
    pub deleted: BTreeSet<BackupId>,
    /// Those that still exist because their meta file could not be removed, and why.
    pub left: Vec<(BackupId, Error)>,
}

/// Deletes backups: durably, whatever is asked of other steps, since no file may be gone while the meta file that names
/// it is still there after a power failure. Nothing else is removed. A backup that is gone already is no error, and one
/// whose meta file cannot be removed does not keep the others. `before_each` may end it; its error says what was deleted
/// until then, and [`secure`] makes that durable.
///
/// With a deadline the files stay until then, also those of a backup that was deleted before; without one they go at once, also those
/// that had a deadline.
///
/// # Errors
/// Those of `before_each`; `Locked` if the lock is lost; I/O errors of the store while records are put or synced.
pub fn withdraw(
    store: &Store,
    ids: &BTreeSet<BackupId>,
    deadline: Option<Deadline>,
    before_each: &dyn Fn() -> Result<()>,
) -> Result<Withdrawn> {
    let mut withdrawn = Withdrawn::default();
    let (mut recorded, mut records) = (Vec::new(), Vec::new());
    for id in ids {
        before_each()?;
        match put_record(store, *id, deadline)? {
            Some(keys) => {
                recorded.push(*id);
                records.extend(keys);
            }
            None => {
                set_deadline(store, *id, deadline)?;
                withdrawn.deleted.insert(*id);
            }
        }
    }
    if records.is_empty() {
        return Ok(withdrawn);
    }
    store.persist(Persist::Files(&records), Durability::Durable)?;
    for id in recorded {
        before_each().map_err(|error| after_deleting(error, &withdrawn.deleted))?;
        match store.delete_one(&layout::meta(id)) {
            Ok(()) => drop(withdrawn.deleted.insert(id)),
            // Another process changes the repository by now.
            Err(error) if error.kind() == ErrorKind::Locked => {
                return Err(after_deleting(error, &withdrawn.deleted));
            }
            // The store does not answer.
            Err(error) if error.kind() == ErrorKind::Stopped => {
                let error = error.with_note(&format!("whether backup {id} is deleted is not known"));
                return Err(after_deleting(error, &withdrawn.deleted));
            }
            Err(error) => withdrawn.left.push((id, error)),
        }
    }
    store.persist(Persist::Names(&[layout::meta_directory()]), Durability::Durable)?;
    Ok(withdrawn)
}

/// Sets or removes the deadline of a backup that was deleted before.
fn set_deadline(store: &Store, id: BackupId, deadline: Option<Deadline>) -> Result<()> {
    let directory = layout::deleted_directory();
    let run = run_of(id);
    for entry in store.list(Some(&directory))? {
        let record = layout::parse_id_and_crc(&entry.name);
        let until = layout::parse_deleted_until(&entry.name);
        match (deadline, record, until) {
            (Some(deadline), Some((of, crc32c)), _) if of == id => {
                deadline::put(store, &run, (id, crc32c), deadline)?;
                discard(store, &run);
            }
            (None, _, Some((of, _))) if of == id => store.delete_one(&directory.join(&entry.name)?)?,
            _ => {}
        }
    }
    store.persist(Persist::Names(&[directory]), Durability::Durable)
}

/// Makes deletions durable, those of a run that was killed before it could do so included.
///
/// # Errors
/// I/O errors of the store.
pub fn secure(store: &Store) -> Result<()> {
    // The records first: a crash between must find each deleted backup's.
    let directories = [
        layout::deleted_directory(),
        layout::ours(),
        layout::meta_directory(),
    ];
    store.persist(Persist::Names(&directories), Durability::Durable)
}

/// Removes those of these records and deadlines whose backups exist: the deletion was stopped before its commit, or the backup was
/// undeleted. One that cannot be removed harms nobody, as long as the meta file is there.
///
/// # Errors
/// I/O errors of the store while it lists or reads.
pub fn drop_void_records(store: &Store, records: &[Entry]) -> Result<()> {
    let of = |entry: &Entry| {
        let until = || layout::parse_deleted_until(&entry.name);
        layout::parse_id_and_crc(&entry.name).or_else(until)
    };
    if !records.iter().any(|entry| of(entry).is_some()) {
        return Ok(());
    }
    let (directory, backups) = (layout::deleted_directory(), catalog::list(store)?);
    for entry in records {
        let Some((id, crc32c)) = of(entry).filter(|(id, _)| backups.version(*id).is_some()) else {
            continue;
        };
        let exists = match checksum(store, &layout::meta(id)) {
            Ok(found) => crc32c == found || crc32c == NO_CHECKSUM,
            Err(error) => error.kind() != ErrorKind::NotFound && crc32c == NO_CHECKSUM,
        };
        if exists && let Err(error) = store.delete_one(&directory.join(&entry.name)?) {
            tracing::warn!(%id, reason = %error.one_line(), "the record of a deletion that did not happen stays");
        }
    }
    Ok(())
}

/// Adds to an error which backups were deleted before it.
pub fn after_deleting(error: Error, deleted: &BTreeSet<BackupId>) -> Error {
    let ids: Vec<String> = deleted.iter().map(ToString::to_string).collect();
    match ids.as_slice() {
        [] => error,
        [id] => error.with_note(&format!(
            "backup {id} is deleted, and the next delete, purge or gc removes what is left of it"
        )),
        ids => error.with_note(&format!(
            "backups {} are deleted, and the next delete, purge or gc removes what is left of them",
            ids.join(", ")
        )),
    }
}

/// Puts the record of a backup, the bytes of its meta file or nothing where those cannot be read, and its deadline. `None` if there
/// is no such backup. Another record of this name is damaged and replaced: the backup exists as long as its meta file does.
fn put_record(store: &Store, id: BackupId, deadline: Option<Deadline>) -> Result<Option<Vec<Key>>> {
    let meta = layout::meta(id);
    let (crc32c, content, durability) = match checksum(store, &meta) {
        Ok(crc32c) => (crc32c, PutContent::CopyOf(&meta), Durability::Buffered),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Io) => {
            tracing::warn!(%id, reason = %error.one_line(), "a meta file that cannot be read is deleted");
            (NO_CHECKSUM, PutContent::Bytes(&[]), Durability::Durable)
        }
        Err(error) => return Err(error),
    };
    let (run, record) = (run_of(id), layout::deleted(id, crc32c));
    let mut keys = vec![record.clone()];
    // What nobody can read is not put back.
    let deadline = deadline.filter(|_| crc32c != NO_CHECKSUM);
    let stages = deadline.is_some() || matches!(content, PutContent::Bytes(_));
    if let Some(deadline) = deadline {
        keys.push(deadline::put(store, &run, (id, crc32c), deadline)?);
    }
    let put = |mode| store.put(&run, &record, content, mode, durability);
    let put = match put(PutMode::IfAbsent) {
        Ok(Put::Taken) => put(PutMode::Replace),
        put => put,
    };
    match put {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        put => put?,
    };
    if stages {
        discard(store, &run);
    }
    Ok(Some(keys))
}

/// What is left in the staging area harms nobody.
fn discard(store: &Store, run: &str) {
    if let Err(error) = store.discard(run) {
        tracing::warn!(run, reason = %error.one_line(), "the staging area of a deletion could not be removed");
    }
}

fn run_of(id: BackupId) -> String {
    format!("delete-{id}")
}

fn checksum(store: &Store, key: &Key) -> Result<Crc32c> {
    let object = store.open(key)?;
    store::checksum(object.as_ref(), key.as_str(), &Quiet)
}
