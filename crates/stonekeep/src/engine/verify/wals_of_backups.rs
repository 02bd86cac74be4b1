//! The WALs of each backup, against each other.

use std::collections::BTreeMap;

use stonekeep_format::{BackupId, FileNumber};

use super::claims::Claim;
use super::report::{FindingKind, Findings};
use crate::engine::deep::{Deep, WalSequences, out_of_order};

/// Those that were read.
#[derive(Debug, Default)]
pub(super) struct WalsOfBackups {
    by_backup: BTreeMap<BackupId, BTreeMap<FileNumber, (String, WalSequences)>>,
}

impl WalsOfBackups {
    /// Adds a file if it is a WAL.
    pub(super) fn add(&mut self, claim: &Claim, deep: &Deep) {
        let Some(wal) = &deep.wal else { return };
        for id in claim.ids() {
            let of_backup = self.by_backup.entry(id).or_default();
            of_backup.insert(wal.number, (claim.path.clone(), wal.clone()));
        }
    }

    /// Adds what does not fit.
    pub(super) fn report(&self, findings: &mut Findings) {
        for (id, wals) in &self.by_backup {
            let sequences: Vec<&WalSequences> = wals.values().map(|(_, wal)| wal).collect();
            let paths: Vec<&String> = wals.values().map(|(path, _)| path).collect();
            for (place, part) in out_of_order(&sequences) {
                if let Some(path) = paths.get(place) {
                    let kind = FindingKind::DamagedContents;
                    findings.add(kind, (*path).clone(), part.to_string(), [*id]);
                }
            }
        }
    }
}
