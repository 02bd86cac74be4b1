//! What our own records say of files that no backup names: where they come from.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::{GarbageKind, References, Total};
use crate::repo::facts::BackupFacts;
use crate::repo::journal::Journal;
use crate::repo::names::{NameId, Names};
use crate::repo::skim::Skimmed;

/// Files of known origin, each path once.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    names: Names,
    /// Where each of the names comes from.
    shared: Vec<GarbageKind>,
    private: BTreeMap<BackupId, GarbageKind>,
    unfinished: References,
    described: BTreeSet<BackupId>,
}

/// What a killed run has staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The area.
    pub name: String,
    /// What is in it, its journal left out.
    pub total: Total,
    /// Whether its journal names files that the next backup can use.
    pub resumable: bool,
}

impl Claims {
    /// The paths that are known: with these the meta file of a deleted backup is to be read.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A deleted backup. Of one whose meta file cannot be read only the private directory is known.
    pub fn add_deleted(&mut self, id: BackupId, meta: Option<&Skimmed>) {
        self.private.insert(id, GarbageKind::Unreferenced);
        if let Some(skimmed) = meta {
            self.described.insert(id);
            for name in &skimmed.plain {
                self.add_name(*name, GarbageKind::Unreferenced);
            }
            for file in skimmed.loaded.meta.files.iter().filter(|file| !file.excluded) {
                self.add_shared(&file.path, GarbageKind::Unreferenced);
            }
        }
    }

    /// Facts without a backup: it was deleted, or a run was killed just before its commit. Damaged ones still tell that
    /// the private directory is ours.
    pub fn add_facts(&mut self, id: BackupId, facts: Option<&BackupFacts>) {
        let kind = *self.private.entry(id).or_insert(GarbageKind::LeftOver);
        for file in facts.map(|facts| facts.files.as_slice()).unwrap_or_default() {
            if let Some(path) = RepoPath::parse(&file.path) {
                self.add_shared(&path, kind);
            }
        }
    }

    /// The journal of a killed run. Whether the next backup can use what it names.
    pub fn add_journal(&mut self, journal: &Journal) -> bool {
        let staged = journal.staged.iter().map(|(_, entry)| entry);
        for entry in staged.chain(&journal.gone) {
            self.unfinished.insert(&entry.file.path);
        }
        !(journal.staged.is_empty() && journal.gone.is_empty())
    }

    /// Whether the meta file of this deleted backup could be read.
    pub(super) fn is_described(&self, id: BackupId) -> bool {
        self.described.contains(&id)
    }

    /// Where a shared file comes from, if a record tells.
    pub(super) fn shared(&self, path: &str) -> Option<GarbageKind> {
        let name = self.names.find(path.as_bytes())?;
        self.shared.get(name.index()).copied()
    }

    /// Where a private directory comes from, if a record tells.
    pub(super) fn private(&self, id: BackupId) -> Option<GarbageKind> {
        self.private.get(&id).copied()
    }

    /// Whether a killed run has published this file, or would have.
    pub(super) fn is_unfinished(&self, path: &str) -> bool {
        self.unfinished.contains(path)
    }

    fn add_shared(&mut self, path: &RepoPath, kind: GarbageKind) {
        if let Some(name) = self.names.insert_plain(path) {
            self.add_name(name, kind);
        }
    }

    fn add_name(&mut self, name: NameId, kind: GarbageKind) {
        match self.shared.get_mut(name.index()) {
            Some(known) => *known = (*known).min(kind),
            // A new name is the last one.
            None => self.shared.push(kind),
        }
    }
}
