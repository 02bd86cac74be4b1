//! What lies in a repository besides the backups that stay: everything that a collection decides about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use stonekeep_format::backup_meta::PathId;
use stonekeep_format::{BackupId, Crc32c};

use super::deadline::{ToDelete, UndeletableBackup};
use super::metas::Metas;
use super::modified;
use super::origins::Origins;
use super::plan::{Area, Garbage, GarbageKind, Total};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::meta_scanner::MetaScanner;
use crate::repo::path_set::PathSet;
use crate::repo::pin::LivePins;
use crate::repo::stored_files::StoredFiles;
use crate::repo::{facts_reader, is_root_name, journal, layout, partial};
use crate::store::{Entry, EntryKind, Key, Store, Uploads};
use crate::{Error, ErrorKind, Result};

/// The names in `stonekeep/`.
const OUR_NAMES: [&str; 14] = [
    "backups", "deleted", "doubtful", "files", "holds", "ids", "latest", "leases", "lock", "pins", "runs",
    "tmp", "verified", "wal",
];

/// See the module.
#[derive(Debug)]
pub struct Inventory<'a> {
    pub(super) store: &'a Store,
    /// The files in the directories that backups share.
    pub(super) stored: &'a StoredFiles,
    /// The backups that stay.
    pub metas: Metas,
    /// Backups that somebody reads, each once, also those that stay.
    pub(super) pins: Vec<PinnedBackup>,
    /// Pins that nobody here can read: they may keep anything.
    pub(super) unreadable_pins: Vec<Key>,
    /// Deleted backups whose deadline is not over.
    pub(super) undeletable: Vec<UndeletableBackup>,
    pub(super) origins: Origins,
    /// The records of deleted backups.
    pub(super) records: Vec<Record>,
    /// Facts of backups that do not exist.
    pub(super) facts: Vec<OrphanFacts>,
    /// The ids that are claimed.
    pub(super) claimed: BTreeSet<BackupId>,
    /// What killed runs have staged.
    pub(super) areas: Vec<Area>,
    /// What is in `private/`, without the directories of backups that stay.
    pub(super) private: Vec<PrivateDirectory>,
    /// Files of the application that no backup has.
    pub(super) included: Vec<IncludedDirectory>,
    /// Directories in `private/` of backups that do not exist which cannot be listed.
    pub(super) unlistable: Vec<(BackupId, Error)>,
    /// Names that no repository has.
    pub(super) unknown: BTreeSet<String>,
}

/// The record of a deleted backup, its meta file under another name, or its deadline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// The record.
    pub key: Key,
    /// The backup.
    pub id: BackupId,
    /// CRC-32C of its meta file, as the name says.
    pub meta_crc32c: Crc32c,
}

/// What a record of ours says of shared files.
pub(super) struct DatedRecord<T> {
    /// What it is about.
    pub about: T,
    /// When it was put, where the store knows that.
    pub modified: Option<SystemTime>,
    /// The stored files that it names.
    pub shared: Vec<PathId>,
}

/// A backup that somebody reads.
#[derive(Debug)]
pub(super) struct PinnedBackup {
    /// The backup.
    pub id: BackupId,
    /// CRC-32C of its meta file.
    pub meta_crc32c: Crc32c,
    /// The stored files that it names.
    pub named: PathSet,
}

/// Facts of a backup that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OrphanFacts {
    /// The backup.
    pub id: BackupId,
    /// The length of the facts.
    pub size_bytes: u64,
}

/// An entry of `private/`, with its own entries if it is a backup's directory.
#[derive(Debug, Clone)]
pub(super) struct PrivateDirectory {
    /// The name.
    pub entry: Entry,
    /// The backup that it belongs to.
    pub id: Option<BackupId>,
    /// What it holds.
    pub files: Vec<Entry>,
}

/// What no backup has of a backup's directory in `stonekeep/files`.
#[derive(Debug)]
pub(super) struct IncludedDirectory {
    /// The backup that it was made for.
    pub id: BackupId,
    /// Whether there was no such backup when the directory was read.
    pub of_deleted: bool,
    /// Files, each with its length.
    pub files: Vec<(Key, u64)>,
    /// Directories that may be empty when those are gone: those further down first, its own last.
    pub directories: Vec<Key>,
}

impl IncludedDirectory {
    /// As garbage of this kind.
    pub(super) fn garbage(&self, kind: GarbageKind) -> impl Iterator<Item = Garbage> {
        self.files.iter().map(move |(key, size_bytes)| Garbage {
            key: key.clone(),
            size_bytes: *size_bytes,
            kind,
        })
    }
}

impl<'a> Inventory<'a> {
    /// Reads everything, at this time. Backups that are to be deleted count as deleted.
    ///
    /// # Errors
    /// `Stopped`, I/O errors of the store.
    pub fn read(
        index: &'a RepositoryIndex<'_>,
        metas: Metas,
        pins: LivePins,
        (to_delete, now): (ToDelete<'_>, SystemTime),
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let (store, stored) = (index.store(), index.shared()?);
        let pinned = pins.pinned.iter().map(|loaded| PinnedBackup::new(loaded, stored));
        let mut inventory = Inventory {
            store,
            stored,
            metas,
            pins: pinned.collect(),
            unreadable_pins: pins.unreadable,
            undeletable: Vec::new(),
            origins: Origins::default(),
            records: Vec::new(),
            facts: Vec::new(),
            claimed: BTreeSet::new(),
            areas: Vec::new(),
            private: Vec::new(),
            included: Vec::new(),
            unlistable: Vec::new(),
            unknown: BTreeSet::new(),
        };
        inventory.add_unknown_names(index)?;
        let mut scanner = MetaScanner::default();
        for id in to_delete.ids {
            inventory.add_to_delete(&mut scanner, *id, to_delete.deadline)?;
        }
        inventory.add_records(&mut scanner, (to_delete, now), should_stop)?;
        inventory.add_facts(should_stop)?;
        inventory.add_claims()?;
        inventory.add_areas()?;
        inventory.add_included()?;
        inventory.add_private(index.private()?)?;
        Ok(inventory)
    }

    /// Deleted backups whose files stay, for a reader or to be undeleted, with the stored files that they name.
    pub(super) fn kept(&self) -> impl Iterator<Item = (BackupId, &PathSet)> {
        let pins = self.pins.iter().map(|pin| (pin.id, &pin.named));
        pins.chain(self.undeletable.iter().map(|backup| (backup.id, &backup.named)))
    }

    /// Whether backups have been deleted whose records are still there.
    pub fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// Whether a backup exists, or has been deleted and its record is still there.
    pub fn has_trace_of(&self, id: BackupId) -> bool {
        self.metas.ids.contains(&id) || self.records.iter().any(|record| record.id == id)
    }

    /// Names at the root and in our own directory that no repository has.
    fn add_unknown_names(&mut self, index: &RepositoryIndex<'_>) -> Result<()> {
        let root = index.root()?.unwrap_or_default().iter();
        let unknown = root.filter(|entry| !is_root_name(&entry.name));
        self.unknown.extend(unknown.map(|entry| entry.name.clone()));
        let ours = layout::ours();
        for entry in self.store.list(Some(&ours))? {
            if !OUR_NAMES.contains(&entry.name.as_str()) {
                self.unknown.insert(format!("{ours}/{}", entry.name));
            }
        }
        Ok(())
    }

    fn add_facts(&mut self, should_stop: &dyn Fn() -> bool) -> Result<()> {
        let (directory, mut orphans) = (layout::facts_directory(), Vec::new());
        for entry in self.store.list(Some(&directory))? {
            if should_stop() {
                return Err(Error::stopped());
            }
            let Some(id) = BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::File) else {
                self.unknown.insert(format!("{directory}/{}", entry.name));
                continue;
            };
            if self.metas.ids.contains(&id) {
                continue;
            }
            let facts = if self.origins.is_readable(id) {
                None
            } else {
                facts_reader::read_orphan(self.store, id)?
            };
            let files = facts.map_or_else(Vec::new, |facts| facts.files);
            let shared = files.into_iter().filter_map(|file| self.stored.find(&file.path));
            orphans.push(DatedRecord {
                about: id,
                modified: entry.modified,
                shared: shared.collect(),
            });
            let size_bytes = entry.size_bytes;
            self.facts.push(OrphanFacts { id, size_bytes });
        }
        self.facts.sort_by_key(|facts| facts.id);
        for (id, shared) in self.no_younger_than(orphans)? {
            self.origins.add_facts(id, &shared);
        }
        Ok(())
    }

    /// Of the shared files that these records name and nobody needs, those that are no younger than their record: a run puts its records after
    /// its files, so that another engine must have put the others. What somebody needs stays, whatever records name it.
    pub(super) fn no_younger_than<T>(&self, records: Vec<DatedRecord<T>>) -> Result<Vec<(T, Vec<PathId>)>> {
        let is_needed = |path: PathId| {
            self.metas.named.contains(path) || self.kept().any(|(_, named)| named.contains(path))
        };
        let mut keys = BTreeMap::new();
        for path in records.iter().flat_map(|record| &record.shared).copied() {
            if let Ok(name) = std::str::from_utf8(self.stored.paths().path(path))
                && !is_needed(path)
            {
                keys.insert(path, Key::trusted(name));
            }
        }
        let modified = modified::of(self.store, keys.values())?;
        let is_no_younger = |path: &PathId, recorded: Option<SystemTime>| {
            let modified = keys.get(path).map(|key| modified.get(key).copied());
            modified.is_some_and(|modified| {
                modified
                    .zip(recorded)
                    .is_none_or(|(modified, recorded)| modified <= recorded)
            })
        };
        let named = records.into_iter().map(|mut record| {
            record.shared.retain(|path| is_no_younger(path, record.modified));
            (record.about, record.shared)
        });
        Ok(named.collect())
    }

    fn add_claims(&mut self) -> Result<()> {
        let directory = layout::ids_directory();
        for entry in self.store.list(Some(&directory))? {
            match BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::File) {
                Some(id) => drop(self.claimed.insert(id)),
                None => drop(self.unknown.insert(format!("{directory}/{}", entry.name))),
            }
        }
        Ok(())
    }

    /// Whether the private files of an id without a backup are those of a run of ours, by its claim, where the claim comes
    /// before them. No such run is under way beside this one, but another engine may have taken the same id.
    pub(super) fn is_claimed_first(&self, id: BackupId) -> bool {
        self.store.traits().uploads == Uploads::Named && self.claimed.contains(&id)
    }

    fn add_areas(&mut self) -> Result<()> {
        let mut journals = Vec::new();
        for leftover in self.store.leftovers()? {
            let journal = journal::read(self.store, &leftover)?;
            let staged = journal.staged.iter().map(|(_, entry)| entry);
            let entries: Vec<_> = staged.chain(&journal.gone).collect();
            let resumable = !entries.is_empty() || !partial::read(self.store, &leftover)?.is_empty();
            let shared = entries
                .iter()
                .filter_map(|entry| self.stored.find(&entry.file.path));
            journals.push(DatedRecord {
                about: (),
                modified: leftover.last_written,
                shared: shared.collect(),
            });
            self.origins.add_doubtful(self.stored, &leftover.doubtful);
            let mut total = Total::default();
            let files = leftover
                .uploads
                .iter()
                .filter(|staged| !journal::is_part_of(&staged.key));
            files.for_each(|staged| total.add(staged.size_bytes));
            self.areas.push(Area {
                name: leftover.run,
                total,
                resumable,
            });
        }
        self.areas.sort_by(|a, b| a.name.cmp(&b.name));
        for ((), shared) in self.no_younger_than(journals)? {
            self.origins.add_journal(&shared);
        }
        Ok(())
    }

    fn add_private(&mut self, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            let id = BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::Directory);
            if id.is_some_and(|id| self.metas.ids.contains(&id)) {
                continue;
            }
            let files = match id.map(|id| (id, self.store.list(Some(&layout::private(id))))) {
                Some((_, Ok(files))) => files,
                Some((id, Err(error))) if error.kind() == ErrorKind::Io => {
                    self.unlistable.push((id, error));
                    continue;
                }
                Some((_, Err(error))) => return Err(error),
                None => Vec::new(),
            };
            self.private.push(PrivateDirectory {
                entry: entry.clone(),
                id,
                files,
            });
        }
        self.private.sort_by_key(|directory| directory.id);
        Ok(())
    }
}

impl PinnedBackup {
    /// With the files that it was made without: whoever reads it may take them from other backups.
    fn new(loaded: &LoadedMeta, stored: &StoredFiles) -> Self {
        let mut named = PathSet::default();
        for path in loaded
            .meta
            .files
            .iter()
            .filter_map(|file| stored.find(&file.path))
        {
            named.insert(path);
        }
        PinnedBackup {
            id: loaded.id,
            meta_crc32c: loaded.crc32c,
            named,
        }
    }
}
