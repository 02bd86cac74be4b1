//! Which backups name which stored files: what a backup shares with others, and what it alone has.
//!
//! That is known when all meta files have been read. The sizes of a backup are known before. So it is enough to find the
//! files that one backup alone names: the rest of its size is what it shares.

use std::collections::{BTreeMap, HashMap};

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{MetaFile, PathId};
use stonekeep_format::backup_name::RepoPath;

use crate::repo::meta_scanner::ScannedMeta;
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::{PrivateFiles, StoredFiles};

/// The files of all backups that have been read.
pub(super) struct Sharing<'a> {
    stored: &'a StoredFiles,
    /// By the id of the stored file.
    by: Vec<NamedBy>,
    /// Sizes of stored files that are not plain, as the backups have them that alone name them.
    sizes: HashMap<PathId, Option<u64>>,
    /// Shared files that are named and not stored.
    absent: HashMap<RepoPath, Absent>,
    /// Bytes of the private files that are stored.
    private_bytes: u64,
    /// The stored files that each backup names, where they are asked for.
    named: Option<BTreeMap<BackupId, PathSet>>,
}

#[derive(Clone, Copy)]
enum NamedBy {
    Nobody,
    One(BackupId),
    Several,
}

struct Absent {
    ids: Vec<BackupId>,
    size_bytes: Option<u64>,
}

impl<'a> Sharing<'a> {
    /// No backup has been read yet.
    pub(super) fn new(stored: &'a StoredFiles, lists_backups: bool) -> Self {
        Sharing {
            stored,
            by: vec![NamedBy::Nobody; stored.paths().len()],
            sizes: HashMap::new(),
            absent: HashMap::new(),
            private_bytes: 0,
            named: lists_backups.then(BTreeMap::new),
        }
    }

    /// Counts what a backup names, its other files with the sizes that they have for it; the size of all its files.
    pub(super) fn add(
        &mut self,
        scanned: &ScannedMeta,
        private: Option<&PrivateFiles>,
        size_of: impl Fn(&MetaFile) -> Option<u64>,
    ) -> Sum {
        let (id, mut all) = (scanned.loaded.id, Sum::default());
        for (path, _) in &scanned.plain {
            self.add_stored(*path, id);
            all.add(self.size_of_stored(*path));
        }
        for file in scanned.others() {
            let size_bytes = size_of(file);
            all.add(size_bytes);
            if file.path.shared_name().is_none() {
                let entry = private.and_then(|private| private.get(&file.path));
                self.private_bytes += entry.and_then(|entry| entry.size_bytes).unwrap_or(0);
            } else if let Some(path) = self.stored.find(&file.path) {
                self.add_stored(path, id);
                self.sizes.insert(path, size_bytes);
            } else {
                let absent = self.absent.entry(file.path.clone()).or_insert_with(|| Absent {
                    ids: Vec::new(),
                    size_bytes,
                });
                absent.ids.push(id);
            }
        }
        all
    }

    fn add_stored(&mut self, path: PathId, id: BackupId) {
        if let Some(by) = self.by.get_mut(path.index()) {
            *by = match by {
                NamedBy::Nobody => NamedBy::One(id),
                _ => NamedBy::Several,
            };
        }
        if let Some(named) = &mut self.named {
            named.entry(id).or_default().insert(path);
        }
    }

    /// Of each backup the sizes of the shared files that it alone names.
    pub(super) fn unique(&self) -> HashMap<BackupId, Sum> {
        let mut unique: HashMap<BackupId, Sum> = HashMap::new();
        for (path, by) in self.stored.paths().ids().zip(&self.by) {
            if let NamedBy::One(id) = by {
                let size = self.sizes.get(&path).copied();
                let size = size.unwrap_or_else(|| self.size_of_stored(path));
                unique.entry(*id).or_default().add(size);
            }
        }
        for absent in self.absent.values() {
            if let [id] = absent.ids.as_slice() {
                unique.entry(*id).or_default().add(absent.size_bytes);
            }
        }
        unique
    }

    /// Bytes of all stored files that backups name, each counted once.
    pub(super) fn total_bytes(&self) -> u64 {
        let named = self.stored.paths().ids().zip(&self.by);
        let named = named.filter(|(_, by)| !matches!(by, NamedBy::Nobody));
        let shared: u64 = named.filter_map(|(path, _)| self.size_of_stored(path)).sum();
        shared + self.private_bytes
    }

    /// The backups other than this one that name the file, if they are asked for.
    pub(super) fn others(&self, path: &RepoPath, but: BackupId) -> Vec<BackupId> {
        let mut ids = match (self.stored.find(path), self.absent.get(path), &self.named) {
            (Some(path), _, Some(named)) => {
                let naming = named.iter().filter(|(_, paths)| paths.contains(path));
                naming.map(|(id, _)| *id).collect()
            }
            (_, Some(absent), _) => absent.ids.clone(),
            _ => Vec::new(),
        };
        ids.retain(|id| *id != but);
        ids.sort_unstable();
        ids
    }

    fn size_of_stored(&self, path: PathId) -> Option<u64> {
        self.stored.entry(path)?.size_bytes
    }
}

/// Sizes together, and how many of them are not known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    bytes: u128,
    unknown: u64,
}

impl Sum {
    /// One more.
    pub(super) fn add(&mut self, size_bytes: Option<u64>) {
        match size_bytes {
            Some(size) => self.bytes += u128::from(size),
            None => self.unknown += 1,
        }
    }

    /// All of these, too.
    pub(super) fn add_all(&mut self, others: Sum) {
        self.bytes += others.bytes;
        self.unknown += others.unknown;
    }

    /// What is left without this part of it.
    pub(super) fn without(self, part: Sum) -> Sum {
        Sum {
            bytes: self.bytes.saturating_sub(part.bytes),
            unknown: self.unknown.saturating_sub(part.unknown),
        }
    }

    /// `None` if it is not known, or too large.
    pub(super) fn bytes(self) -> Option<u64> {
        match self.unknown {
            0 => u64::try_from(self.bytes).ok(),
            _ => None,
        }
    }
}
