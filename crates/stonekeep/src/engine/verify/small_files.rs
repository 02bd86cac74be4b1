//! What the small files of a backup say of each other: CURRENT, the MANIFEST, the meta file.

use stonekeep_format::backup_meta::PathTable;
use stonekeep_format::file_name::DbFileName;

use super::{FindingKind, Verifier, VerifyLevel};
use crate::engine::contents::current::{CURRENT_LIMIT_BYTES, wrong_current};
use crate::repo::facts::BackupFacts;
use crate::repo::listed::{self, Listed};
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::meta_scanner::ScannedMeta;
use crate::repo::stored_files::StoredFiles;
use crate::repo::{described, layout};
use crate::store::Key;
use crate::{ErrorKind, Result, Warning, WarningName};

impl Verifier<'_> {
    /// RocksDB restores a CURRENT that names a MANIFEST which the backup does not have.
    pub(super) fn current(&mut self, loaded: &LoadedMeta) -> Result<()> {
        let mut files = loaded.meta.files.iter();
        let path = match files.find(|file| file.path.restored_name() == DbFileName::Current) {
            Some(file) => file.path.to_string(),
            None => {
                let (file, reason) = (layout::meta(loaded.id).to_string(), "names no CURRENT".into());
                self.findings
                    .add(FindingKind::Inconsistent, file, reason, [loaded.id]);
                return Ok(());
            }
        };
        let bytes = match self
            .engine
            .store()
            .read(&Key::new(path.as_str())?, CURRENT_LIMIT_BYTES)
        {
            Ok(bytes) => bytes,
            // Reported where the file itself is looked at.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Io => {
                if self.report.level == VerifyLevel::Size {
                    self.findings.add_unchecked(&path, &error, [loaded.id]);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Some(reason) = wrong_current(&bytes, &loaded.meta.files) {
            self.findings
                .add(FindingKind::Inconsistent, path, reason, [loaded.id]);
        }
        Ok(())
    }

    /// Whether the meta file lists all that the MANIFEST in the backup names.
    pub(super) fn list(&mut self, scanned: &ScannedMeta, facts: Option<&BackupFacts>) -> Result<()> {
        let (loaded, none) = (&scanned.loaded, PathTable::default());
        let known = match self.report.level {
            VerifyLevel::Size => self.index.shared().map_or(&none, StoredFiles::paths),
            VerifyLevel::Checksum | VerifyLevel::Deep => self.claims.known().paths,
        };
        let listed = Listed::in_scanned(scanned, known);
        let store = self.index.store();
        let state = match self.report.level {
            VerifyLevel::Deep => described::manifest_with_bounds(store, loaded),
            VerifyLevel::Size | VerifyLevel::Checksum => described::manifest(store, loaded),
        };
        match state {
            Ok(None) => {}
            Ok(Some(state)) => {
                if self.report.level == VerifyLevel::Deep {
                    self.recorded.add(loaded.id, &state);
                }
                for finding in listed::findings(loaded.id, &state, listed::wals_left_out(facts), &listed) {
                    let (file, reason) = (finding.file, finding.reason);
                    self.findings
                        .add(FindingKind::Unlisted, file, reason, [loaded.id]);
                }
            }
            // What is wrong with the MANIFEST itself is a finding already, or the next level's.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {}
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let about = format!("backup {}", loaded.id);
                let reason = format!(
                    "whether its list of files is complete was not checked: {}",
                    error.one_line()
                );
                let warning = Warning::about(WarningName::ListNotChecked, about, reason);
                self.report.warnings.push(warning);
            }
            Err(error) if error.kind() == ErrorKind::Stopped => return Err(error),
            Err(error) => {
                let path = described::manifest_path(loaded).map(ToString::to_string);
                let path = path.unwrap_or_default();
                self.findings.add_unchecked(&path, &error, [loaded.id]);
            }
        }
        Ok(())
    }
}
