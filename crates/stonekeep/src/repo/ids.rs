//! Backup ids: which are taken, and how a run takes one.
//!
//! An id is taken by any trace of a backup, and by a claim, the file `stonekeep/ids/<id>`. A run puts the claim if it
//! is absent, just before the first file of `private/<id>`; so no id comes twice, and no run shares a private directory
//! with one that was believed dead. A claim stays after its backup is deleted. Collections keep the largest one only:
//! no smaller id is ever chosen.
//!
//! RocksDB's engine and versions of Stonekeep before claims know nothing of them, and choose 1 + the largest id in
//! `meta/` (and, ours, that of other traces).

use stonekeep_format::BackupId;

use super::index::RepositoryIndex;
use super::layout;
use crate::store::{Durability, Entry, EntryKind, Put, PutContent, PutMode, Store, new_pin_name};
use crate::{Error, Result};

/// The largest id that any trace in the repository has, claims included: a new backup gets a larger one.
///
/// # Errors
/// I/O errors of the store.
pub fn largest(index: &RepositoryIndex<'_>) -> Result<Option<BackupId>> {
    let store = index.store();
    let largest_of = |entries: &[Entry]| {
        entries
            .iter()
            .filter_map(|entry| BackupId::parse(&entry.name))
            .max()
    };
    let mut largest = index.backups()?.ids.last().copied();
    largest = largest.max(largest_of(index.private()?));
    for directory in [layout::facts_directory(), layout::ids_directory()] {
        largest = largest.max(largest_of(&store.list(Some(&directory))?));
    }
    let records = store.list(Some(&layout::deleted_directory()))?;
    let records = records.iter().filter(|entry| entry.kind == EntryKind::File);
    let ids = records.filter_map(|entry| layout::parse_deleted(&entry.name));
    Ok(largest.max(ids.map(|(id, _)| id).max()))
}

/// The id after this one.
///
/// # Errors
/// `Refused` if there is none.
pub fn next(id: BackupId) -> Result<BackupId> {
    id.next()
        .ok_or_else(|| Error::refused("the largest backup id that RocksDB allows is taken"))
}

/// Claims an id with a token that no other run has; whether it was free. The claim is durable on return, if asked.
///
/// # Errors
/// Those of the store.
pub fn claim(store: &Store, run: &str, id: BackupId, durability: Durability) -> Result<bool> {
    let token = format!("{}\n", new_pin_name());
    let content = PutContent::Bytes(token.as_bytes());
    let put = store.put(run, &layout::id_claim(id), content, PutMode::IfAbsent, durability)?;
    Ok(put != Put::Taken)
}

/// Puts the claim of an id whose last trace is about to be removed, durably. One that is there already is enough.
///
/// # Errors
/// Those of the store.
pub fn keep(store: &Store, id: BackupId) -> Result<()> {
    let run = format!("keep-{id}");
    let put = claim(store, &run, id, Durability::Durable);
    let discarded = store.discard(&run);
    put?;
    discarded
}
