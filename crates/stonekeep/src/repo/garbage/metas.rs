//! What the meta files of a repository name, looked at before a deletion begins, then again just before files go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use stonekeep_format::BackupId;

use super::{References, reason};
use crate::repo::layout;
use crate::repo::names::Names;
use crate::repo::skim::{SkimState, Skimmed, Skimmer};
use crate::store::{Entry, EntryKind, Store};
use crate::{Error, ErrorKind, Result};

/// The backups that stay. What was seen once counts for good: a meta file that a foreign engine removes meanwhile keeps
/// its files from us, and they are that engine's to collect.
#[derive(Debug, Clone, Default)]
pub struct Metas {
    /// What readable ones name.
    pub references: References,
    /// All of them.
    pub ids: BTreeSet<BackupId>,
    /// Those that cannot be read, and why.
    pub unreadable: BTreeMap<BackupId, String>,
    /// Names in `meta/` that are no backup.
    pub strangers: BTreeSet<String>,
    seen: BTreeMap<BackupId, Version>,
}

/// Whether a backup is about to be deleted, given the names with which its meta file was read.
pub type IsDoomed<'a> = &'a mut dyn FnMut(&mut Skimmer, &Names, &Skimmed) -> Result<bool>;

/// What a listing tells of a meta file: another value means that somebody wrote it anew.
type Version = (EntryKind, u64, Option<SystemTime>);

impl Metas {
    /// Reads all meta files, the newest first, but those of these backups, which are about to be deleted. Readable ones
    /// may turn out to be about to be deleted, too. What they name is added to the references.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors of the store: an unknown meta file is not taken for a damaged one.
    pub fn read(
        store: &Store,
        references: References,
        but: &BTreeSet<BackupId>,
        is_doomed: IsDoomed<'_>,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let mut metas = Metas {
            references,
            ..Metas::default()
        };
        let mut skimmer = Skimmer::default();
        for (id, version) in metas.list(store)?.into_iter().rev() {
            if should_stop() {
                return Err(Error::stopped());
            }
            if but.contains(&id) {
                continue;
            }
            let names = metas.references.names();
            match skimmer.read(store, names, id) {
                Ok(SkimState::Readable(skimmed)) if is_doomed(&mut skimmer, names, &skimmed)? => {}
                state => metas.add(id, version, state)?,
            }
        }
        Ok(metas)
    }

    /// Reads those that have come, or have been written anew, since the last look.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look_again(&mut self, store: &Store) -> Result<()> {
        let mut skimmer = Skimmer::default();
        for (id, version) in self.list(store)? {
            if self.seen.get(&id) != Some(&version) {
                let state = skimmer.read(store, self.references.names(), id);
                self.add(id, version, state)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, store: &Store) -> Result<Vec<(BackupId, Version)>> {
        let mut backups = Vec::new();
        for entry in store.list(Some(&layout::meta_directory()))? {
            match BackupId::parse(&entry.name) {
                Some(id) => backups.push((id, version(&entry))),
                None => {
                    let directory = layout::meta_directory();
                    self.strangers.insert(format!("{directory}/{}", entry.name));
                }
            }
        }
        backups.sort_unstable_by_key(|(id, _)| *id);
        Ok(backups)
    }

    fn add(&mut self, id: BackupId, version: Version, state: Result<SkimState>) -> Result<()> {
        match state {
            Ok(SkimState::Readable(skimmed)) => self.references.add(&skimmed),
            Ok(SkimState::Unreadable(error)) => {
                self.unreadable.insert(id, reason(&error));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        self.ids.insert(id);
        self.seen.insert(id, version);
        Ok(())
    }
}

fn version(entry: &Entry) -> Version {
    (entry.kind, entry.size_bytes, entry.modified)
}
