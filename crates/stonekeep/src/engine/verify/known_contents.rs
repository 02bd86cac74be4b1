//! What earlier verifications found in files whose bytes are right.

use std::collections::HashSet;

use stonekeep_format::BackupId;

use super::claims::Claim;
use super::report::{FindingKind, Findings};
use crate::repo::verified::Stamps;

/// The damage of one file.
struct Damaged {
    path: String,
    reason: String,
    ids: Vec<BackupId>,
}

/// It stays a finding, also where only checksums are compared, until somebody looks into the file again.
#[derive(Default)]
pub(super) struct KnownContents(Vec<Damaged>);

impl KnownContents {
    /// What is known of the files of some backups.
    pub(super) fn of(claims: &[Claim], stamps: &Stamps) -> Self {
        let mut known = KnownContents::default();
        for claim in claims {
            for said in &claim.said {
                if let Some(reason) = stamps.damaged_contents(&claim.path, said.wanted()) {
                    known.0.push(Damaged {
                        path: claim.path.clone(),
                        reason: as_found(reason),
                        ids: said.ids.clone(),
                    });
                }
            }
        }
        known
    }

    /// Keeps what is known of these files.
    pub(super) fn retain<'c>(&mut self, claims: impl Iterator<Item = &'c Claim>) {
        if self.0.is_empty() {
            return;
        }
        let paths: HashSet<&str> = claims.map(|claim| claim.path.as_str()).collect();
        self.0.retain(|damaged| paths.contains(damaged.path.as_str()));
    }

    /// Adds them to the findings.
    pub(super) fn add_to(self, findings: &mut Findings) {
        for Damaged { path, reason, ids } in self.0 {
            findings.add(FindingKind::DamagedContents, path, reason, ids);
        }
    }
}

/// What an earlier run found wrong.
pub(super) fn as_found(reason: &str) -> String {
    format!("{reason}, as an earlier verification found")
}
