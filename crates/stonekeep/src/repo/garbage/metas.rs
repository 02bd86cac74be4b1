//! What the meta files of a repository name, looked at before a deletion begins, then again just before files go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaReader;

use super::{References, reason};
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::layout;
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

/// What a listing tells of a meta file: another value means that somebody wrote it anew.
type Version = (EntryKind, u64, Option<SystemTime>);

impl Metas {
    /// Reads all meta files, the newest first, but those of these backups, which are about to be deleted. Readable ones
    /// may turn out to be about to be deleted, too.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors of the store: an unknown meta file is not taken for a damaged one.
    pub fn read(
        store: &dyn Store,
        but: &BTreeSet<BackupId>,
        is_doomed: &mut dyn FnMut(&LoadedMeta) -> Result<bool>,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let (mut metas, mut reader) = (Metas::default(), MetaReader::default());
        for (id, version) in metas.list(store)?.into_iter().rev() {
            if should_stop() {
                return Err(Error::stopped());
            }
            if !but.contains(&id) {
                let state = catalog::load_with(&mut reader, store, id);
                metas.add(id, version, state, is_doomed)?;
            }
        }
        Ok(metas)
    }

    /// Reads those that have come, or have been written anew, since the last look.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look_again(&mut self, store: &dyn Store) -> Result<()> {
        for (id, version) in self.list(store)? {
            if self.seen.get(&id) != Some(&version) {
                self.add(id, version, catalog::load(store, id), &mut |_| Ok(false))?;
            }
        }
        Ok(())
    }

    fn list(&mut self, store: &dyn Store) -> Result<Vec<(BackupId, Version)>> {
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

    fn add(
        &mut self,
        id: BackupId,
        version: Version,
        state: Result<MetaState>,
        is_doomed: &mut dyn FnMut(&LoadedMeta) -> Result<bool>,
    ) -> Result<()> {
        match state {
            Ok(MetaState::Readable(loaded)) => {
                if is_doomed(&loaded)? {
                    return Ok(());
                }
                self.references.add(&loaded.meta);
            }
            Ok(MetaState::Unreadable(id, error)) => {
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
