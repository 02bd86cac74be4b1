//! What the meta files of a repository name, read before a deletion begins, and again just before files go.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::BackupId;

use crate::parallel::run_bounded;
use crate::repo::catalog::{self, Listing, MetaVersion};
use crate::repo::loaded_meta::MetaState;
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta, Scanners};
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
    /// What each readable one names.
    named_by: BTreeMap<BackupId, PathSet>,
    read: BTreeMap<BackupId, MetaVersion>,
}

/// Looks at a readable meta file.
pub type Examine<'a, T> = &'a (dyn Fn(&mut MetaScanner, &ScannedMeta) -> Result<T> + Sync);

impl Metas {
    /// Reads the listed meta files, so many at a time, except those of these backups, which are to be deleted; with what
    /// `examine` finds of the readable ones, oldest first.
    ///
    /// # Errors
    /// `Stopped`, those of `examine`, and I/O errors of the store: an unknown meta file is not taken for a damaged one.
    pub fn read<T: Send>(
        store: &Store,
        (listing, stored): (&Listing, &StoredFiles),
        but: &BTreeSet<BackupId>,
        workers: usize,
        examine: Examine<'_, T>,
        should_stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Self, Vec<T>)> {
        let (mut metas, scanners) = (Metas::default(), Scanners::default());
        metas.unknown.extend(listing.unknown_paths());
        let listed = listing.ids.iter().copied().zip(listing.versions.iter().copied());
        let newest_first = listed.filter(|(id, _)| !but.contains(id)).rev().collect();
        let read = run_bounded(workers, newest_first, |(id, version)| {
            if should_stop() {
                return Err(Error::stopped());
            }
            scanners.with(|scanner| {
                let read = scanner.read(store, stored.known(), id);
                let found = match &read {
                    Ok(MetaState::Readable(scanned)) => Some(examine(scanner, scanned)?),
                    _ => None,
                };
                Ok(((id, version), named_of(read, stored), found))
            })
        })?;
        let mut examined = Vec::new();
        for (backup, named, found) in read.into_iter().rev() {
            metas.add(store, backup, named)?;
            examined.extend(found);
        }
        Ok((metas, examined))
    }

    /// Leaves out readable ones that are to be deleted.
    pub fn leave_out(&mut self, to_delete: &BTreeSet<BackupId>) {
        for id in to_delete {
            self.ids.remove(id);
            self.read.remove(id);
            self.named_by.remove(id);
        }
        self.named = PathSet::default();
        for named in self.named_by.values() {
            self.named.insert_all(named);
        }
    }

    /// The stored files that this backup names, if it can be read.
    pub fn named_by(&self, id: BackupId) -> Option<&PathSet> {
        self.named_by.get(&id)
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
                let read = scanner.read(store, stored.known(), *id);
                self.add(store, (*id, version), named_of(read, stored))?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        store: &Store,
        (id, version): (BackupId, MetaVersion),
        named: Result<MetaState<PathSet>>,
    ) -> Result<()> {
        match named {
            Ok(MetaState::Readable(named)) => {
                self.named.insert_all(&named);
                self.named_by.insert(id, named);
            }
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

/// What a meta file that has been read names.
fn named_of(read: Result<MetaState<ScannedMeta>>, stored: &StoredFiles) -> Result<MetaState<PathSet>> {
    Ok(match read? {
        MetaState::Readable(scanned) => {
            let mut named = PathSet::default();
            scanned.add_to(&mut named, stored);
            MetaState::Readable(named)
        }
        MetaState::Unreadable(error) => MetaState::Unreadable(error),
    })
}
