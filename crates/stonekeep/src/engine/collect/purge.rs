//! Which backups a purge deletes.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::report::KeptBackup;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::file_check;
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta};
use crate::repo::stored_files::{PrivateFiles, StoredFiles};
use crate::repo::went_back::WentBack;
use crate::store::Store;
use crate::{Result, WarningName};

/// Which backups a purge keeps.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct PurgeOptions {
    /// How many valid backups stay, the newest ones.
    pub num_backups_to_keep: usize,
    /// What the user accepts: with [`WarningName::SequenceWentBack`] backups from before the database went back to an older
    /// state may go as well.
    pub accept: Vec<WarningName>,
}

impl PurgeOptions {
    /// Keeps so many valid backups.
    pub fn keep(num_backups_to_keep: usize) -> Self {
        PurgeOptions {
            num_backups_to_keep,
            accept: Vec::new(),
        }
    }

    /// Sets [`Self::accept`].
    pub fn with_accept(mut self, accept: impl Into<Vec<WarningName>>) -> Self {
        self.accept = accept.into();
        self
    }
}

/// Counts valid backups, the newest first.
pub(super) struct Purge<'a> {
    store: &'a Store,
    stored: &'a StoredFiles,
    /// The private files of all backups, where they have been listed at once.
    private: Option<&'a PrivateFiles>,
    left_to_keep: usize,
    /// Those that are beyond the number to keep.
    pub(super) to_delete: BTreeSet<BackupId>,
    /// Those that are beyond it and stay all the same.
    pub(super) kept: Vec<KeptBackup>,
    accepts_going_back: bool,
    /// Databases of which a backup accepts what all older ones say.
    accepted: BTreeSet<Option<String>>,
    /// Whatever newer backups say that is not accepted; of each, the last backup before it stays.
    holds: Vec<Hold>,
}

/// A database that went back.
struct Hold {
    database_id: Option<String>,
    went_back: WentBack,
}

impl<'a> Purge<'a> {
    /// By these options.
    pub(super) fn new(
        store: &'a Store,
        (stored, private): (&'a StoredFiles, Option<&'a PrivateFiles>),
        options: &PurgeOptions,
    ) -> Self {
        Purge {
            store,
            stored,
            private,
            left_to_keep: options.num_backups_to_keep,
            to_delete: BTreeSet::new(),
            kept: Vec::new(),
            accepts_going_back: options.accept.contains(&WarningName::SequenceWentBack),
            accepted: BTreeSet::new(),
            holds: Vec::new(),
        }
    }

    /// Whether this backup, older than all before, is to be deleted. Corrupt ones stay.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn is_to_delete(&mut self, scanner: &mut MetaScanner, scanned: &ScannedMeta) -> Result<bool> {
        let (loaded, store) = (&scanned.loaded, self.store);
        let facts = scanner.facts_for_sizes(store, scanned)?;
        let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
        let files = &loaded.meta.files;
        let private = PrivateFiles::look(store, self.private, loaded.id, files)?;
        let get = |path: &RepoPath| Ok(self.stored.get_of_backup(path, &private));
        let is_valid = file_check::findings(files, &sizes, get)?.is_empty();
        let is_to_delete = is_valid && self.counts_out(scanned, facts.as_ref());
        if let Some(facts) = &facts {
            self.note_holds(facts);
        }
        Ok(is_to_delete)
    }

    /// Counts a valid backup; whether it is to go.
    fn counts_out(&mut self, scanned: &ScannedMeta, facts: Option<&BackupFacts>) -> bool {
        let id = scanned.loaded.id;
        let held = self.release(scanned, facts);
        if self.left_to_keep > 0 {
            self.left_to_keep -= 1;
            return false;
        }
        if let Some(went_back) = held {
            self.kept.push(KeptBackup { id, went_back });
            return false;
        }
        self.to_delete.insert(id);
        true
    }

    /// What holds this backup, if it is the newest valid one from before a database went back; it holds no older one.
    fn release(&mut self, scanned: &ScannedMeta, facts: Option<&BackupFacts>) -> Option<WentBack> {
        let loaded = &scanned.loaded;
        let sequence = facts.map_or(loaded.meta.head.sequence.value(), |facts| facts.sequence_number);
        let holds = |hold: &mut Hold| {
            facts.is_none_or(|facts| facts.database_id == hold.database_id)
                && hold.went_back.is_before(loaded.id.get(), sequence)
        };
        self.holds.extract_if(.., holds).map(|hold| hold.went_back).last()
    }

    fn note_holds(&mut self, facts: &BackupFacts) {
        if facts.accepts_going_back() {
            self.accepted.insert(facts.database_id.clone());
        }
        if self.accepts_going_back || self.accepted.contains(&facts.database_id) {
            return;
        }
        for went_back in &facts.went_back {
            let is_known = |hold: &Hold| {
                hold.database_id == facts.database_id && hold.went_back.last_before == went_back.last_before
            };
            // Every backup that says so is newer than the one that it holds.
            if !self.holds.iter().any(is_known) {
                self.holds.push(Hold {
                    database_id: facts.database_id.clone(),
                    went_back: *went_back,
                });
            }
        }
    }
}
