//! What the meta files of a repository name, read before a deletion begins, and again just before files go.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::BackupId;

use crate::repo::catalog::{self, Listing, MetaVersion};
use crate::repo::loaded_meta::MetaState;
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta};
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::StoredFiles;
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

/// The backups that stay. What was read once counts for good: a meta file that a foreign engine removes meanwhile keeps its
/// files from us, and they are that engine's to collect.
#[derive(Debug, Default)]
pub struct Metas {
    /// The stored files that readable ones name.
    pub named: PathSet,
    /// All of them.
    pub ids: BTreeSet<BackupId>,
    /// Those that cannot be read, and why: damaged ones, and those that are listed and cannot be found.
    pub unreadable: BTreeMap<BackupId, String>,
    /// Names in `meta/` that are no backup.
    pub unknown: BTreeSet<String>,
    read: BTreeMap<BackupId, MetaVersion>,
}

/// Whether a backup is to be deleted.
pub type IsToDelete<'a> = &'a mut dyn FnMut(&mut MetaScanner, &ScannedMeta) -> Result<bool>;

impl Metas {
    /// Reads the listed meta files, the newest first, except those of these backups, which are to be deleted. Readable
    /// ones may turn out to be to be deleted, too.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors of the store: an unknown meta file is not taken for a damaged one.
    pub fn read(
        store: &Store,
        (listing, stored): (&Listing, &StoredFiles),
        but: &BTreeSet<BackupId>,
        is_to_delete: IsToDelete<'_>,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let (mut metas, mut scanner) = (Metas::default(), MetaScanner::default());
        metas.unknown.extend(listing.unknown_paths());
        for (id, version) in listing.ids.iter().zip(&listing.versions).rev() {
            if should_stop() {
                return Err(Error::stopped());
            }
            if but.contains(id) {
                continue;
            }
            match scanner.read(store, stored.known(), *id) {
                Ok(MetaState::Readable(scanned)) if is_to_delete(&mut scanner, &scanned)? => {}
                state => metas.add((store, stored), (*id, *version), state)?,
            }
        }
        Ok(metas)
    }

    /// Reads those that are new, or have been written anew, since the last look.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn look_again(&mut self, store: &Store, stored: &StoredFiles) -> Result<()> {
        let (listing, mut scanner) = (catalog::list(store)?, MetaScanner::default());
        self.unknown.extend(listing.unknown_paths());
        for (id, version) in listing.ids.iter().zip(listing.versions) {
            if self.read.get(id) != Some(&version) {
                let state = scanner.read(store, stored.known(), *id);
                self.add((store, stored), (*id, version), state)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        (store, stored): (&Store, &StoredFiles),
        (id, version): (BackupId, MetaVersion),
        state: Result<MetaState<ScannedMeta>>,
    ) -> Result<()> {
        match state {
            Ok(MetaState::Readable(scanned)) => scanned.add_to(&mut self.named, stored),
            Ok(MetaState::Unreadable(error)) => {
                let finding = error.findings().first();
                let reason = finding.map_or_else(|| error.one_line(), |finding| finding.reason.clone());
                self.unreadable.insert(id, reason);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Some stores cannot read for a while what they list: what such a backup names is unknown.
                if catalog::list(store)?.version(id).is_none() {
                    return Ok(());
                }
                self.unreadable
                    .insert(id, "is listed, and cannot be found".to_owned());
            }
            Err(error) => return Err(error),
        }
        self.ids.insert(id);
        self.read.insert(id, version);
        Ok(())
    }
}
