//! Backup ids: which are taken, and how a run takes one.
//!
//! An id is taken by any trace of a backup, and by a claim, the file `stonekeep/ids/<id>`. A run puts the claim if it
//! is absent, just before the first file of `private/<id>`; so no id comes twice, and no run shares a private directory
//! with one that was believed dead. A claim stays after its backup is deleted. Collections keep the largest one only:
//! no smaller id is ever chosen.
//!
//! A copy keeps the id that the backup has, where it is free: no trace has it, and no larger one is claimed. While the copy
//! is under way the claim says of which backup, so that the next run goes on under that id; when it has ended, the claim is
//! one like any other.
//!
//! RocksDB's engine and versions of Stonekeep before claims know nothing of them, and choose 1 + the largest id in
//! `meta/` (and, ours, that of other traces).

use std::collections::BTreeSet;

use stonekeep_format::{BackupId, Crc32c};

use super::index::RepositoryIndex;
use super::layout;
use crate::store::{Durability, Entry, EntryKind, Put, PutContent, PutMode, Store, Uploads, new_pin_name};
use crate::{Error, ErrorKind, Result};

/// A claim is a line.
const CLAIM_LIMIT_BYTES: u64 = 1 << 10;

/// Which ids have left a trace in a repository.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    /// Those of the backups that exist.
    pub backups: BTreeSet<BackupId>,
    /// Those that are claimed.
    pub claimed: BTreeSet<BackupId>,
    /// Those of private directories, of facts, and of records of deletions.
    pub others: BTreeSet<BackupId>,
}

impl Traces {
    /// Lists those that are not claims.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn read(index: &RepositoryIndex<'_>, claimed: BTreeSet<BackupId>) -> Result<Self> {
        let store = index.store();
        let records = store.names(Some(&layout::deleted_directory()))?;
        let records = records.iter().filter(|entry| entry.kind == EntryKind::File);
        let records = records.filter_map(|entry| layout::parse_id_and_crc(&entry.name));
        let mut others: BTreeSet<BackupId> = records.map(|(id, _)| id).collect();
        others.extend(ids_of(index.private()?));
        others.extend(ids_of(&store.names(Some(&layout::facts_directory()))?));
        Ok(Traces {
            backups: index.backups()?.ids.iter().copied().collect(),
            claimed,
            others,
        })
    }

    /// The largest one: a new backup gets a larger id.
    pub fn largest(&self) -> Option<BackupId> {
        let sets = [&self.backups, &self.claimed, &self.others];
        sets.iter().filter_map(|ids| ids.last().copied()).max()
    }

    /// Whether a backup of this id was there once, or may have been: the id has a trace, or a larger one is claimed.
    pub fn is_used(&self, id: BackupId) -> bool {
        let later = self.claimed.last().is_some_and(|largest| *largest >= id);
        later || self.others.contains(&id) || self.backups.contains(&id)
    }
}

/// The largest id that any trace in the repository has, claims included: a new backup gets a larger one. Where uploads have
/// their names at once, every run puts a claim before any other trace, so that claims and backups are all that is listed.
///
/// # Errors
/// I/O errors of the store.
pub fn largest(index: &RepositoryIndex<'_>, claimed: BTreeSet<BackupId>) -> Result<Option<BackupId>> {
    let traces = match index.store().traits().uploads {
        Uploads::Named => Traces {
            backups: index.backups()?.ids.last().copied().into_iter().collect(),
            claimed,
            others: BTreeSet::new(),
        },
        _ => Traces::read(index, claimed)?,
    };
    Ok(traces.largest())
}

/// The ids that are claimed.
///
/// # Errors
/// I/O errors of the store.
pub fn claimed(store: &Store) -> Result<BTreeSet<BackupId>> {
    let claims = store.names(Some(&layout::ids_directory()))?;
    Ok(ids_of(&claims).collect())
}

fn ids_of(entries: &[Entry]) -> impl Iterator<Item = BackupId> + '_ {
    entries.iter().filter_map(|entry| BackupId::parse(&entry.name))
}

/// The id after this one.
///
/// # Errors
/// `Refused` if there is none.
pub fn next(id: BackupId) -> Result<BackupId> {
    id.next()
        .ok_or_else(|| Error::refused("the largest backup id that RocksDB allows is taken"))
}

/// Claims an id if no trace of a backup is where its private files go; whether it was free.
///
/// # Errors
/// Those of the store.
pub fn take(store: &Store, run: &str, id: BackupId, durability: Durability) -> Result<bool> {
    Ok(store.names(Some(&layout::private(id)))?.is_empty() && claim(store, run, id, durability)?)
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

/// Claims an id for the copy of a backup whose meta file has this checksum and length: `Same` if it was claimed for this very
/// copy before. The claim is durable on return, if asked.
///
/// # Errors
/// Those of the store.
pub fn claim_for_copy(
    store: &Store,
    run: &str,
    id: BackupId,
    meta: (Crc32c, u64),
    durability: Durability,
) -> Result<Put> {
    let token = copy_token(meta);
    let content = PutContent::Bytes(token.as_bytes());
    store.put(run, &layout::id_claim(id), content, PutMode::IfAbsent, durability)
}

/// Whether an id is claimed for the copy of such a backup, which has not ended.
///
/// # Errors
/// Those of the store.
pub fn is_claimed_for_copy(store: &Store, id: BackupId, meta: (Crc32c, u64)) -> Result<bool> {
    match store.read(&layout::id_claim(id), CLAIM_LIMIT_BYTES) {
        Ok(token) => Ok(token == copy_token(meta).as_bytes()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the claim of a copy that has ended one like any other, so that the backup is not copied again once it is deleted.
///
/// # Errors
/// Those of the store.
pub fn end_copy(store: &Store, run: &str, id: BackupId, durability: Durability) -> Result<()> {
    let token = format!("{}\n", new_pin_name());
    let content = PutContent::Bytes(token.as_bytes());
    let key = layout::id_claim(id);
    store
        .put(run, &key, content, PutMode::Replace, durability)
        .map(drop)
}

fn copy_token((crc32c, size_bytes): (Crc32c, u64)) -> String {
    format!("copy {:08x} {size_bytes}\n", crc32c.0)
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
