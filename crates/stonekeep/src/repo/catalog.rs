//! Which backups there are, and what their meta files say.

use std::time::SystemTime;

use stonekeep_format::BackupId;

use super::facts::BackupFacts;
use super::layout;
pub use super::loaded_meta::{LoadedMeta, MetaState};
use crate::store::{EntryKind, Store};
use crate::{Result, Warning, WarningName};

/// The names in `meta/`: one listing, no file is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The backups, oldest first.
    pub ids: Vec<BackupId>,
    /// What the listing says of their meta files, in the same order.
    pub versions: Vec<MetaVersion>,
    /// Names that are no backup id.
    pub unknown: Vec<String>,
}

/// What a listing says of a meta file: another value means that it has been written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaVersion {
    kind: EntryKind,
    size_bytes: u64,
    modified: Option<SystemTime>,
}

impl MetaVersion {
    /// The length of the meta file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Listing {
    /// What the listing says of this backup's meta file, if it is there.
    pub fn version(&self, id: BackupId) -> Option<MetaVersion> {
        let at = self.ids.binary_search(&id).ok()?;
        self.versions.get(at).copied()
    }

    /// The paths of the unknown names.
    pub fn unknown_paths(&self) -> impl Iterator<Item = String> {
        let directory = layout::meta_directory();
        self.unknown.iter().map(move |name| format!("{directory}/{name}"))
    }
}

/// A meta file with the part of our facts that has sizes: [`LoadedMeta::facts_for_sizes`].
#[derive(Debug)]
pub struct SizedMeta {
    /// The meta file.
    pub loaded: LoadedMeta,
    /// Our facts, if there are any.
    pub facts: Option<BackupFacts>,
}

impl SizedMeta {
    /// Reads what belongs to a meta file.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn read(store: &Store, loaded: LoadedMeta) -> Result<Self> {
        let facts = loaded.facts_for_sizes(store)?;
        Ok(SizedMeta { loaded, facts })
    }
}

/// Lists the backups without reading any.
///
/// # Errors
/// I/O errors of the store.
pub fn list(store: &Store) -> Result<Listing> {
    let (mut listing, mut backups) = (Listing::default(), Vec::new());
    for entry in store.list(Some(&layout::meta_directory()))? {
        let version = MetaVersion {
            kind: entry.kind,
            size_bytes: entry.size_bytes,
            modified: entry.modified,
        };
        match BackupId::parse(&entry.name) {
            Some(id) => backups.push((id, version)),
            None => listing.unknown.push(entry.name),
        }
    }
    backups.sort_unstable_by_key(|(id, _)| *id);
    (listing.ids, listing.versions) = backups.into_iter().unzip();
    Ok(listing)
}

/// The warning for a name in `private/` which makes RocksDB's collector delete a valid backup; `None` for any other.
pub(crate) fn warn_of_private(name: &str) -> Option<Warning> {
    let message = "RocksDB's engine takes this for a leftover, and deletes the backup of that number with it";
    let about = || format!("{}/{name}", layout::private_directory());
    name.ends_with(".tmp")
        .then(|| Warning::about(WarningName::ForeignLeftover, about(), message))
}

/// Reads a meta file. One that is damaged or too new is a state, not an error.
///
/// # Errors
/// `NotFound` if there is no such backup, and I/O errors of the store.
pub fn load(store: &Store, id: BackupId) -> Result<MetaState> {
    MetaState::of(store, id, LoadedMeta::read(store, id, &layout::meta(id)))
}
