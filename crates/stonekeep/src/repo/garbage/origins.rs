//! Where files that no backup names come from, by our own records.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::PathId;
use stonekeep_format::backup_name::RepoPath;

use super::plan::GarbageKind;
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::StoredFiles;
use crate::store::Key;

/// Stored files of known origin.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Named by deleted backups.
    deleted: PathSet,
    /// Named by facts without a backup: a run was killed just before its commit.
    left_over: PathSet,
    /// Named by the journals of killed runs.
    unfinished: PathSet,
    private: BTreeMap<BackupId, GarbageKind>,
    /// Deleted backups whose meta file can be read.
    readable: BTreeSet<BackupId>,
}

impl Origins {
    /// Adds a deleted backup, and the shared files that its meta file names. Of one whose meta file cannot be read only the private
    /// directory is known.
    pub(super) fn add_deleted(&mut self, id: BackupId, shared: Option<&[PathId]>) {
        self.private.insert(id, GarbageKind::Unreferenced);
        if let Some(shared) = shared {
            self.readable.insert(id);
            for path in shared {
                self.deleted.insert(*path);
            }
        }
    }

    /// Adds facts without a backup, and the shared files that they name. Damaged ones still say that the private directory is ours.
    pub(super) fn add_facts(&mut self, id: BackupId, shared: &[PathId]) {
        let kind = *self.private.entry(id).or_insert(GarbageKind::LeftOver);
        let paths = match kind {
            GarbageKind::Unreferenced => &mut self.deleted,
            _ => &mut self.left_over,
        };
        for path in shared {
            paths.insert(*path);
        }
    }

    /// Adds the shared files that the journal of a killed run names.
    pub(super) fn add_journal(&mut self, shared: &[PathId]) {
        for path in shared {
            self.unfinished.insert(*path);
        }
    }

    /// Adds what a killed run may have left incomplete.
    pub(super) fn add_doubtful(&mut self, stored: &StoredFiles, keys: &[Key]) {
        let paths = keys.iter().filter_map(|key| RepoPath::parse(key.as_str()));
        paths.for_each(|path| insert(&mut self.left_over, stored, &path));
    }

    /// Whether the meta file of this deleted backup could be read.
    pub(super) fn is_readable(&self, id: BackupId) -> bool {
        self.readable.contains(&id)
    }

    /// Where a shared file comes from, if a record of a backup says so.
    pub(super) fn shared(&self, path: PathId) -> Option<GarbageKind> {
        if self.deleted.contains(path) {
            return Some(GarbageKind::Unreferenced);
        }
        self.left_over.contains(path).then_some(GarbageKind::LeftOver)
    }

    /// Where a private directory comes from, if a record says so.
    pub(super) fn private(&self, id: BackupId) -> Option<GarbageKind> {
        self.private.get(&id).copied()
    }

    /// Whether a killed run has published this file, or would have.
    pub(super) fn is_unfinished(&self, path: PathId) -> bool {
        self.unfinished.contains(path)
    }
}

fn insert(paths: &mut PathSet, stored: &StoredFiles, path: &RepoPath) {
    if let Some(id) = stored.find(path) {
        paths.insert(id);
    }
}
