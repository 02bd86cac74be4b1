//! Which backups a purge deletes.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use crate::Result;
use crate::repo::names::Names;
use crate::repo::presence::{self, PrivateFiles, Sizes};
use crate::repo::skim::{Skimmed, Skimmer};
use crate::store::Store;

/// Counts valid backups, the newest first.
pub(super) struct Purge<'a> {
    store: &'a dyn Store,
    left_to_keep: usize,
    /// Those that are beyond the number to keep.
    pub(super) doomed: BTreeSet<BackupId>,
}

impl<'a> Purge<'a> {
    /// Keeps so many.
    pub(super) fn new(store: &'a dyn Store, keep: usize) -> Self {
        Purge {
            store,
            left_to_keep: keep,
            doomed: BTreeSet::new(),
        }
    }

    /// Whether this backup, older than all before, is to go. Corrupt ones stay. Its meta file was read with the names of
    /// the files that are there.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn dooms(&mut self, skimmer: &mut Skimmer, names: &Names, skimmed: &Skimmed) -> Result<bool> {
        let (loaded, store) = (&skimmed.loaded, self.store);
        let facts = skimmer.facts_for_sizes(store, skimmed)?;
        let sizes = Sizes::read(store, loaded, facts.as_ref())?;
        let files = &loaded.meta.files;
        let private = PrivateFiles::look(store, loaded.id, files)?;
        let find = |path: &RepoPath| Ok(presence::find(names, &private, path));
        if !presence::findings(files, &sizes, find)?.is_empty() {
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
