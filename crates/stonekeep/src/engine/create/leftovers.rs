//! What runs that did not end have left: files in staging areas, and published files that no backup names.

use std::collections::HashMap;

use stonekeep_format::{BackupId, Crc32c};

use super::identity::Identity;
use super::recorded::Recorded;
use crate::repo::facts::FileFacts;
use crate::repo::journal::JournalEntry;
use crate::repo::{catalog, facts, journal, layout};
use crate::store::{self, Staged, Store};
use crate::{Observer, Result};

/// A file that an earlier run has staged whole.
#[derive(Debug, Clone)]
pub(super) struct Resumable {
    pub(super) staged: Staged,
    pub(super) entry: JournalEntry,
}

/// See the [module](self).
pub(super) struct Leftovers {
    staged: HashMap<u64, Vec<Resumable>>,
    /// Files that a journal names and that are not in its area any more.
    gone: Vec<JournalEntry>,
}

impl Leftovers {
    /// Reads the journals of all areas.
    pub(super) fn read(store: &dyn Store) -> Result<Self> {
        let mut leftovers = Leftovers {
            staged: HashMap::new(),
            gone: Vec::new(),
        };
        for area in store.areas()? {
            let journal = journal::read(store, &area)?;
            for (staged, entry) in journal.staged {
                if let Some(number) = entry.file.number() {
                    let staged = Resumable { staged, entry };
                    leftovers.staged.entry(number).or_default().push(staged);
                }
            }
            leftovers.gone.extend(journal.gone);
        }
        Ok(leftovers)
    }

    /// Every file that was staged whole.
    pub(super) fn files(&self) -> impl Iterator<Item = &FileFacts> {
        let staged = self.staged.values().flatten().map(|staged| &staged.entry.file);
        staged.chain(self.gone.iter().map(|entry| &entry.file))
    }

    /// A staged copy of this file that is to have such a path. What was not durable when it was written down may
    /// have lost bytes in a power failure, so it is read again.
    pub(super) fn resume(
        &self,
        store: &dyn Store,
        observer: &dyn Observer,
        identity: &Identity,
        wanted: impl Fn(&Recorded) -> bool,
    ) -> Result<Option<Resumable>> {
        for staged in self.staged.get(&identity.number.0).into_iter().flatten() {
            let file = Recorded::of(&staged.entry.file);
            if !file.is_some_and(|file| identity.is_of(&file) && wanted(&file)) {
                continue;
            }
            if staged.entry.durable || is_whole(store, observer, staged)? {
                return Ok(Some(staged.clone()));
            }
        }
        Ok(None)
    }

    /// Files that were durable when they were published, and that no backup may name: by journals, and by facts
    /// without a meta file.
    pub(super) fn published(&self, store: &dyn Store) -> Result<Vec<FileFacts>> {
        let durable = self.gone.iter().filter(|entry| entry.durable);
        let mut files: Vec<FileFacts> = durable.map(|entry| entry.file.clone()).collect();
        let committed = catalog::list(store)?.ids;
        for entry in store.list(Some(&layout::facts_directory()))? {
            let id = BackupId::parse(&entry.name).filter(|id| committed.binary_search(id).is_err());
            let Some(id) = id else { continue };
            let facts = facts::read_orphan(store, id)?;
            files.extend(
                facts
                    .filter(|facts| facts.durable)
                    .into_iter()
                    .flat_map(|facts| facts.files),
            );
        }
        Ok(files)
    }
}

fn is_whole(store: &dyn Store, observer: &dyn Observer, resumable: &Resumable) -> Result<bool> {
    let object = store.open_staged(&resumable.staged)?;
    let found = store::checksum(object.as_ref(), resumable.staged.key.as_str(), observer)?;
    Ok(found == Crc32c(resumable.entry.file.crc32c))
}
