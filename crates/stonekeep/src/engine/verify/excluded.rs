//! Files that verified backups were made without: those that other backups of the repository store are verified there.

use std::collections::HashSet;

use stonekeep_format::BackupId;
use stonekeep_format::file_name::DbFileName;

use super::claims::Said;
use super::{Verifier, VerifyLevel};
use crate::repo::excluded::stored_by_others;
use crate::{ErrorKind, Result};

impl Verifier<'_> {
    /// Looks at the excluded files of all backups that were read, or remembers them to be read.
    ///
    /// # Errors
    /// Those of the store that are not about one file.
    pub(super) fn settle_excluded(&mut self) -> Result<()> {
        let excluded = std::mem::take(&mut self.excluded);
        let wanted: HashSet<String> = excluded.iter().map(|(_, path)| path.to_string()).collect();
        let stored = match stored_by_others(self.engine.store(), &wanted) {
            // A meta file that cannot be read is reported where its backup is verified.
            Err(error) if error.kind() == ErrorKind::Io => Default::default(),
            stored => stored?,
        };
        self.report.files_excluded = (wanted.len() - stored.len()) as u64;
        let mut nowhere: Vec<(BackupId, DbFileName)> = Vec::new();
        for (id, path) in excluded {
            match stored.get(&path.to_string()) {
                None => nowhere.push((id, path.restored_name())),
                Some(crc32c) => {
                    let size_bytes = path.size_bytes();
                    if self.report.level == VerifyLevel::Size {
                        self.check(&path, size_bytes, id)?;
                        continue;
                    }
                    let said = Said::by(id, size_bytes, path.crc32c().or(*crc32c));
                    self.claims.add(&path, size_bytes.unwrap_or(0), said);
                }
            }
        }
        nowhere.sort();
        for (id, name) in nowhere {
            if let Some(backup) = self.report.backups.iter_mut().find(|backup| backup.id == id) {
                backup.excluded.push(name.to_string());
            }
        }
        Ok(())
    }
}
