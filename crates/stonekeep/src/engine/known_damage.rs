//! Warnings of files that verifications found damaged, from verbs that do not look into files themselves.

use std::collections::BTreeMap;

use stonekeep_format::BackupId;

use super::backups_text::backups_text;
use crate::repo::included::IncludedFile;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::verified::{DamageKind, Stamps};
use crate::{Warning, WarningName};

/// What is done with the damaged files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Restored,
    Copied,
    Repaired,
}

/// The damaged files of some backups, for a warning of each.
#[derive(Debug, Default)]
pub(super) struct DamageWarnings {
    /// By path and reason, with the backups that need the file.
    files: BTreeMap<(String, String), (DamageKind, Vec<BackupId>)>,
}

impl DamageWarnings {
    /// Adds what the stamps say of the files of a backup, if it is of one of these kinds.
    pub(super) fn add(
        &mut self,
        stamps: &Stamps,
        kinds: &[DamageKind],
        loaded: &LoadedMeta,
        included: &[IncludedFile],
    ) {
        let damaged = stamps.damaged_files(loaded, included).into_iter();
        for damage in damaged.filter(|damage| kinds.contains(&damage.kind)) {
            let key = (damage.finding.file, damage.finding.reason);
            let (_, backups) = self.files.entry(key).or_insert((damage.kind, Vec::new()));
            backups.push(loaded.id);
        }
    }

    /// A warning of each file.
    pub(super) fn warnings(self, used: Use) -> Vec<Warning> {
        let of_file = |((file, reason), (kind, backups)): ((String, String), (_, Vec<BackupId>))| {
            let needed = format!("needed by {}", backups_text(&backups));
            let message = match kind {
                DamageKind::Inside => format!(
                    "its checksum is right, but a deep verification found it damaged inside: {reason}; {needed}; {}",
                    advice(used)
                ),
                DamageKind::Bytes => {
                    format!("a verification found it damaged: {reason}; {needed}; repair it first (repair)")
                }
            };
            Warning::about(WarningName::KnownDamage, file, message)
        };
        self.files.into_iter().map(of_file).collect()
    }
}

/// What helps if a file is damaged inside, so that no copy of it is better.
fn advice(used: Use) -> &'static str {
    match used {
        Use::Restored => {
            "what is restored has this damage; latest-valid takes the newest backup without known damage, and a deep \
             verification (verify --level deep) names the keys that are affected"
        }
        Use::Copied => {
            "the copy has this damage; if the database's own file is right, a new backup of the database stores that beside it"
        }
        Use::Repaired => {
            "it cannot be repaired, since backups expect these bytes; if the database's own file is right, a new backup of the \
             database stores that beside it"
        }
    }
}
