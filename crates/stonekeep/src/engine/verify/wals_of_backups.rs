//! The WALs of each backup, against each other.

use std::collections::BTreeMap;

use stonekeep_format::BackupId;

use super::claims::Claim;
use super::report::{FindingKind, Findings};
use crate::engine::deep::{Deep, Wals};

/// Those that were read.
#[derive(Debug, Default)]
pub(super) struct WalsOfBackups {
    by_backup: BTreeMap<BackupId, Wals>,
}

impl WalsOfBackups {
    /// Adds a file if it is a WAL.
    pub(super) fn add(&mut self, claim: &Claim, deep: &Deep) {
        if deep.wal.is_none() {
            return;
        }
        for id in claim.ids() {
            self.by_backup.entry(id).or_default().add(&claim.path, deep);
        }
    }

    /// Adds what does not fit.
    pub(super) fn report(&self, findings: &mut Findings) {
        for (id, wals) in &self.by_backup {
            for (path, part) in wals.out_of_order() {
                let kind = FindingKind::DamagedContents;
                findings.add(kind, path.to_owned(), part.to_string(), [*id]);
            }
        }
    }
}
