//! Which backups name a stored file that is not what it should be, and whether other bytes are what they all mean.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::catalog::{self, MetaState};
use crate::store::Store;
use crate::{Error, ErrorKind, Finding, Result};

/// See the [module](self).
#[derive(Debug, Default)]
pub(in crate::engine) struct Namers {
    /// The backups that name the file, each with the checksum that its meta file has for it.
    backups: Vec<(BackupId, Option<Crc32c>)>,
    /// Backups that cannot be read, and so may name it.
    unreadable: Vec<BackupId>,
}

impl Namers {
    /// Reads every meta file.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(in crate::engine) fn read(store: &Store, path: &RepoPath) -> Result<Self> {
        let mut namers = Namers::default();
        for id in catalog::list(store)?.ids {
            match catalog::load(store, id) {
                Ok(MetaState::Readable(loaded)) => {
                    let mut files = loaded.meta.files.iter().filter(|file| !file.excluded);
                    let named = files.find(|file| file.path == *path);
                    namers.backups.extend(named.map(|file| (id, file.crc32c)));
                }
                Ok(MetaState::Unreadable(_)) => namers.unreadable.push(id),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(namers)
    }

    /// The backups that name it.
    pub(in crate::engine) fn ids(&self) -> impl Iterator<Item = BackupId> {
        self.backups.iter().map(|(id, _)| *id)
    }

    /// Whether bytes with this checksum may take the place of the file: they are what every backup says of it, and
    /// there is none that cannot be read.
    pub(in crate::engine) fn agree_on(&self, crc32c: Crc32c) -> bool {
        self.unreadable.is_empty() && self.backups.iter().all(|(_, named)| *named == Some(crc32c))
    }

    /// The error for a file that cannot be replaced.
    pub(in crate::engine) fn harmed(&self, path: &RepoPath, reason: &str) -> Error {
        let ids: Vec<String> = self.ids().map(|id| id.to_string()).collect();
        let unreadable: Vec<String> = self.unreadable.iter().map(ToString::to_string).collect();
        if ids.is_empty() {
            let message = format!(
                "{path} {reason}, and may belong to a backup that cannot be read: {}",
                unreadable.join(", ")
            );
            return Error::refused(message).with_hint("delete the unreadable backups, then back up again");
        }
        let word = if ids.len() == 1 { "backup" } else { "backups" };
        let ids = ids.join(", ");
        let finding = Finding {
            file: path.to_string(),
            reason: reason.to_owned(),
        };
        let message = format!("{path} in the repository {reason}; it belongs to {word} {ids}");
        let hint = if unreadable.is_empty() {
            "verify those backups; a damaged one can be deleted, and the next backup stores the file anew"
                .to_owned()
        } else {
            format!(
                "it is not replaced while a backup cannot be read that may name it: {}; delete that, then back up again",
                unreadable.join(", ")
            )
        };
        Error::new(ErrorKind::Corrupt, message)
            .with_hint(hint)
            .with_findings(vec![finding])
    }
}
