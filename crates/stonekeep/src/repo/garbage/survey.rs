//! Everything that a collection has to know, read from the repository.

use std::collections::BTreeSet;

use stonekeep_format::{BackupId, Crc32c};

use super::{Area, Claims, Metas, References, TakenAlong, Total};
use crate::repo::catalog::LoadedMeta;
use crate::repo::names::Names;
use crate::repo::pin::LivePins;
use crate::repo::skim::{SkimState, Skimmed, Skimmer};
use crate::repo::{facts, is_root_name, journal, layout, partial};
use crate::store::{Entry, EntryKind, Key, Store};
use crate::{Error, ErrorKind, Result};

/// What stands directly in `stonekeep/`.
const OUR_NAMES: [&str; 7] = ["backups", "deleted", "files", "ids", "lock", "pins", "tmp"];

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The backups that stay.
    pub metas: Metas,
    /// Backups that somebody reads, each once, also those that stay.
    pub pins: Vec<PinnedBackup>,
    /// Pins that nobody here can read: they may keep anything.
    pub unreadable_pins: Vec<Key>,
    /// What our records tell of files that no backup names.
    pub claims: Claims,
    /// The records of deleted backups.
    pub records: Vec<Record>,
    /// Facts of backups that are not there.
    pub facts: Vec<OrphanFacts>,
    /// The ids that are claimed.
    pub claimed: BTreeSet<BackupId>,
    /// What killed runs have staged.
    pub areas: Vec<Area>,
    /// What stands in the directories of shared files.
    pub shared: Vec<(Key, Vec<Entry>)>,
    /// What stands in `private/`, without the directories of backups that stay.
    pub private: Vec<PrivateDirectory>,
    /// Files of the application that no backup has.
    pub taken_along: Vec<TakenAlong>,
    /// Directories in `private/` of backups that do not exist which cannot be listed.
    pub unlistable: Vec<(BackupId, Error)>,
    /// Names in our own directories that are none of ours.
    pub strangers: BTreeSet<String>,
}

/// The record of a deleted backup: its meta file under another name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The record.
    pub key: Key,
    /// The backup.
    pub id: BackupId,
    /// CRC-32C of its meta file, as the name says.
    pub meta_crc32c: Crc32c,
}

/// A backup that somebody reads.
#[derive(Debug, Clone)]
pub struct PinnedBackup {
    /// The backup.
    pub id: BackupId,
    /// CRC-32C of its meta file.
    pub meta_crc32c: Crc32c,
    /// What it names.
    pub references: References,
}

/// Facts of a backup that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanFacts {
    /// The backup.
    pub id: BackupId,
    /// The length of the facts.
    pub size_bytes: u64,
}

/// A name in `private/`, with what stands in it if it is a backup's directory.
#[derive(Debug, Clone)]
pub struct PrivateDirectory {
    /// The name.
    pub entry: Entry,
    /// The backup that it belongs to.
    pub id: Option<BackupId>,
    /// What it holds.
    pub files: Vec<Entry>,
}

impl Survey {
    /// Reads everything. Backups that are to be deleted, but still are there (a dry run), count as deleted.
    ///
    /// # Errors
    /// `Stopped`, I/O errors of the store.
    pub fn read(
        store: &Store,
        metas: Metas,
        pins: LivePins,
        doomed: &BTreeSet<BackupId>,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let mut survey = Survey {
            metas,
            unreadable_pins: pins.unreadable,
            pins: pins.pinned.iter().map(PinnedBackup::new).collect(),
            ..Survey::default()
        };
        survey.look_at_root(store)?;
        survey.look_at_ours(store)?;
        let mut skimmer = Skimmer::default();
        for id in doomed {
            survey.add_doomed(&mut skimmer, store, *id)?;
        }
        survey.look_at_records(&mut skimmer, store, should_stop)?;
        survey.look_at_facts(store, should_stop)?;
        survey.look_at_claims(store)?;
        survey.look_at_areas(store)?;
        survey.look_at_taken_along(store)?;
        for directory in [layout::shared_directory(), layout::shared_checksum_directory()] {
            let entries = store.list(Some(&directory))?;
            survey.shared.push((directory, entries));
        }
        survey.look_at_private(store)?;
        Ok(survey)
    }

    fn look_at_root(&mut self, store: &Store) -> Result<()> {
        let entries = store.list(None)?.into_iter();
        let strangers = entries.filter(|entry| !is_root_name(&entry.name));
        self.strangers.extend(strangers.map(|entry| entry.name));
        Ok(())
    }

    fn look_at_ours(&mut self, store: &Store) -> Result<()> {
        let ours = layout::ours();
        for entry in store.list(Some(&ours))? {
            if !OUR_NAMES.contains(&entry.name.as_str()) {
                self.strangers.insert(format!("{ours}/{}", entry.name));
            }
        }
        Ok(())
    }

    fn add_doomed(&mut self, skimmer: &mut Skimmer, store: &Store, id: BackupId) -> Result<()> {
        match skimmer.read(store, self.claims.names(), id) {
            Ok(SkimState::Readable(skimmed)) => self.claims.add_deleted(id, Some(&skimmed)),
            Ok(SkimState::Unreadable(_)) => self.claims.add_deleted(id, None),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::Io => self.claims.add_deleted(id, None),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn look_at_records(
        &mut self,
        skimmer: &mut Skimmer,
        store: &Store,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<()> {
        let directory = layout::deleted_directory();
        for entry in store.list(Some(&directory))? {
            if should_stop() {
                return Err(Error::stopped());
            }
            match layout::parse_deleted(&entry.name).filter(|_| entry.kind == EntryKind::File) {
                Some((id, meta_crc32c)) => {
                    let key = directory.join(&entry.name)?;
                    let meta = read_record(skimmer, store, self.claims.names(), (id, &key));
                    self.claims.add_deleted(id, meta.as_ref());
                    self.records.push(Record { key, id, meta_crc32c });
                }
                None => {
                    self.strangers.insert(format!("{directory}/{}", entry.name));
                }
            }
        }
        self.records.sort();
        Ok(())
    }

    fn look_at_facts(&mut self, store: &Store, should_stop: &dyn Fn() -> bool) -> Result<()> {
        let directory = layout::facts_directory();
        for entry in store.list(Some(&directory))? {
            if should_stop() {
                return Err(Error::stopped());
            }
            let Some(id) = BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::File) else {
                self.strangers.insert(format!("{directory}/{}", entry.name));
                continue;
            };
            if self.metas.ids.contains(&id) {
                continue;
            }
            let described = self.claims.is_described(id);
            let facts = if described {
                None
            } else {
                facts::read_orphan(store, id)?
            };
            self.claims.add_facts(id, facts.as_ref());
            let size_bytes = entry.size_bytes;
            self.facts.push(OrphanFacts { id, size_bytes });
        }
        self.facts.sort_by_key(|facts| facts.id);
        Ok(())
    }

    fn look_at_claims(&mut self, store: &Store) -> Result<()> {
        let directory = layout::ids_directory();
        for entry in store.list(Some(&directory))? {
            match BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::File) {
                Some(id) => drop(self.claimed.insert(id)),
                None => drop(self.strangers.insert(format!("{directory}/{}", entry.name))),
            }
        }
        Ok(())
    }

    fn look_at_areas(&mut self, store: &Store) -> Result<()> {
        for name in store.areas()? {
            let resumable = self.claims.add_journal(&journal::read(store, &name)?)
                || !partial::read(store, &name)?.is_empty();
            let mut total = Total::default();
            let staged = store.staged(&name)?;
            let files = staged.iter().filter(|staged| !journal::is_part_of(&staged.key));
            files.for_each(|staged| total.add(staged.size_bytes));
            self.areas.push(Area {
                name,
                total,
                resumable,
            });
        }
        self.areas.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    fn look_at_private(&mut self, store: &Store) -> Result<()> {
        for entry in store.list(Some(&layout::private_directory()))? {
            let id = BackupId::parse(&entry.name).filter(|_| entry.kind == EntryKind::Directory);
            if id.is_some_and(|id| self.metas.ids.contains(&id)) {
                continue;
            }
            let files = match id.map(|id| (id, store.list(Some(&layout::private(id))))) {
                Some((_, Ok(files))) => files,
                Some((id, Err(error))) if error.kind() == ErrorKind::Io => {
                    self.unlistable.push((id, error));
                    continue;
                }
                Some((_, Err(error))) => return Err(error),
                None => Vec::new(),
            };
            self.private.push(PrivateDirectory { entry, id, files });
        }
        self.private.sort_by_key(|directory| directory.id);
        Ok(())
    }
}

impl PinnedBackup {
    fn new(loaded: &LoadedMeta) -> Self {
        let mut references = References::default();
        references.add_all_files_of(&loaded.meta);
        PinnedBackup {
            id: loaded.id,
            meta_crc32c: loaded.crc32c,
            references,
        }
    }
}

/// The meta file in a record. One that cannot be read names nothing, so that what it named has to be old to be collected.
fn read_record(
    skimmer: &mut Skimmer,
    store: &Store,
    names: &Names,
    (id, key): (BackupId, &Key),
) -> Option<Skimmed> {
    match skimmer.read_record(store, names, id, key) {
        Ok(skimmed) => Some(skimmed),
        Err(error) => {
            tracing::warn!(%key, reason = %error.one_line(), "the record of a deleted backup cannot be read");
            None
        }
    }
}
