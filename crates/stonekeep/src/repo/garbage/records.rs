//! The records of deleted backups, and which of these can be undeleted.

use std::collections::BTreeSet;
use std::time::SystemTime;

use stonekeep_format::backup_meta::PathId;
use stonekeep_format::{BackupId, Crc32c};

use super::deadline::{self, Deadline, ToDelete, UndeletableBackup};
use super::inventory::{DatedRecord, Inventory, Record};
use crate::repo::layout;
use crate::repo::loaded_meta::{LoadedMeta, MetaState};
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta};
use crate::repo::path_set::PathSet;
use crate::store::{Entry, EntryKind, Store};
use crate::{Error, ErrorKind, Result};

/// The deleted backups that have a deadline, so that none is asked for where none was listed.
struct Deadlines(BTreeSet<(BackupId, Crc32c)>);

impl Deadlines {
    fn among(entries: &[Entry]) -> Self {
        let names = entries.iter().map(|entry| &entry.name);
        Deadlines(
            names
                .filter_map(|name| layout::parse_deleted_until(name))
                .collect(),
        )
    }

    fn read(&self, store: &Store, id: BackupId, meta_crc32c: Crc32c) -> Result<Option<Deadline>> {
        if self.0.contains(&(id, meta_crc32c)) {
            deadline::read(store, id, meta_crc32c)
        } else {
            Ok(None)
        }
    }
}

impl Inventory<'_> {
    pub(super) fn add_to_delete(
        &mut self,
        scanner: &mut MetaScanner,
        id: BackupId,
        deadline: Option<Deadline>,
    ) -> Result<()> {
        let meta = match scanner.read(self.store, self.stored.known(), id) {
            Ok(MetaState::Readable(scanned)) => Some(scanned),
            Ok(MetaState::Unreadable(_)) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Io => None,
            Err(error) => return Err(error),
        };
        if let (Some(deadline), Some(scanned)) = (deadline, &meta) {
            self.add_undeletable(scanned, deadline);
        }
        let shared = meta.map(|scanned| self.shared_of(&scanned));
        self.origins.add_deleted(id, shared.as_deref());
        Ok(())
    }

    /// The stored files that a backup shares.
    fn shared_of(&self, scanned: &ScannedMeta) -> Vec<PathId> {
        let mut named = PathSet::default();
        scanned.add_to(&mut named, self.stored);
        let all = self.stored.paths().ids();
        all.filter(|path| named.contains(*path)).collect()
    }

    fn add_undeletable(&mut self, scanned: &ScannedMeta, deadline: Deadline) {
        let mut named = PathSet::default();
        scanned.add_to(&mut named, self.stored);
        self.undeletable.push(UndeletableBackup {
            id: scanned.loaded.id,
            deadline,
            named,
        });
    }

    pub(super) fn add_records(
        &mut self,
        scanner: &mut MetaScanner,
        (to_delete, now): (ToDelete<'_>, SystemTime),
        should_stop: &dyn Fn() -> bool,
    ) -> Result<()> {
        let directory = layout::deleted_directory();
        let entries = self.store.list(Some(&directory))?;
        let deadlines = Deadlines::among(&entries);
        let mut readable = Vec::new();
        for entry in &entries {
            if should_stop() {
                return Err(Error::stopped());
            }
            if let Some((id, meta_crc32c)) = layout::parse_deleted_until(&entry.name) {
                let key = directory.join(&entry.name)?;
                self.records.push(Record { key, id, meta_crc32c });
                continue;
            }
            let name = layout::parse_id_and_crc(&entry.name).filter(|_| entry.kind == EntryKind::File);
            let Some((id, meta_crc32c)) = name else {
                self.unknown.insert(format!("{directory}/{}", entry.name));
                continue;
            };
            let key = directory.join(&entry.name)?;
            let meta = scanner.read_at(self.store, self.stored.known(), id, &key);
            // One that cannot be read names nothing: what it named has to be old to be collected.
            if let Err(error) = &meta {
                tracing::warn!(%key, reason = %error.one_line(), "the record of a deleted backup cannot be read");
            }
            let deadline = if to_delete.ids.contains(&id) {
                to_delete.deadline
            } else {
                deadlines.read(self.store, id, meta_crc32c)?
            };
            let meta = match (meta, deadline.filter(|deadline| !deadline.is_over(now))) {
                // It may be read the next time.
                (Err(error), Some(_)) if error.kind() == ErrorKind::Io => return Err(error),
                (Err(_), _) => None,
                (Ok(scanned), deadline) => {
                    if let Some(deadline) = deadline {
                        self.add_undeletable(&scanned, deadline);
                    }
                    Some(scanned)
                }
            };
            match meta {
                Some(scanned) => readable.push(DatedRecord {
                    about: id,
                    modified: entry.modified,
                    shared: self.shared_of(&scanned),
                }),
                None => self.origins.add_deleted(id, None),
            }
            self.records.push(Record { key, id, meta_crc32c });
        }
        for (id, shared) in self.no_younger_than(readable)? {
            self.origins.add_deleted(id, Some(&shared));
        }
        self.undeletable.sort_by_key(|backup| backup.id);
        self.records.sort();
        Ok(())
    }
}

/// The deleted backups whose records can be read, each with its deadline, if it has one.
///
/// # Errors
/// I/O errors of the store.
pub fn deleted(store: &Store) -> Result<Vec<(LoadedMeta, Option<Deadline>)>> {
    let (directory, mut deleted) = (layout::deleted_directory(), Vec::new());
    let entries = store.list(Some(&directory))?;
    let deadlines = Deadlines::among(&entries);
    for (id, crc32c) in entries
        .iter()
        .filter_map(|entry| layout::parse_id_and_crc(&entry.name))
    {
        let loaded = match LoadedMeta::read(store, id, &layout::deleted(id, crc32c)) {
            Ok(loaded) if loaded.crc32c == crc32c => loaded,
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            // Damaged, or removed meanwhile.
            _ => continue,
        };
        deleted.push((loaded, deadlines.read(store, id, crc32c)?));
    }
    Ok(deleted)
}
