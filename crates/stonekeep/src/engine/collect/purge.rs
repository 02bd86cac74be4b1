//! Which backups a purge deletes.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use crate::Result;
use crate::repo::catalog::LoadedMeta;
use crate::repo::presence::Presence;
use crate::store::Store;

/// Counts valid backups, the newest first.
pub(super) struct Purge<'a> {
    store: &'a dyn Store,
    presence: Presence<'a>,
    left_to_keep: usize,
    /// Those that are beyond the number to keep.
    pub(super) doomed: BTreeSet<BackupId>,
}

impl<'a> Purge<'a> {
    /// Keeps so many.
    pub(super) fn new(store: &'a dyn Store, keep: usize) -> Self {
        Purge {
            store,
            presence: Presence::new(store),
            left_to_keep: keep,
            doomed: BTreeSet::new(),
        }
    }

    /// Whether this backup, older than all before, is to go. Corrupt ones stay.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn dooms(&mut self, loaded: &LoadedMeta) -> Result<bool> {
        let facts = loaded.facts_for_sizes(self.store)?;
        if !self.presence.check(loaded, facts.as_ref())?.is_empty() {
            return Ok(false);
        }
        let is_doomed = self.left_to_keep == 0;
        if is_doomed {
            self.doomed.insert(loaded.id);
        }
        self.left_to_keep = self.left_to_keep.saturating_sub(1);
        Ok(is_doomed)
    }
}
