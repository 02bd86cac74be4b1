//! S1: which files of a backup are lost.

use std::collections::BTreeMap;

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;

use super::report::LostFile;
use crate::engine::BackupEngineReadOnly;
use crate::engine::verify::{FindingKind, VerifyOptions, VerifyReport};
use crate::repo::facts::BackupFacts;
use crate::repo::layout;
use crate::repo::loaded_meta::LoadedMeta;
use crate::{Error, ErrorKind, Finding, Observer, Result};

/// Lost files by their paths in the repository, with the reasons.
#[derive(Debug, Default)]
pub(in crate::engine::restore) struct Lost {
    pub(super) files: BTreeMap<String, String>,
}

impl Lost {
    /// Verifies a backup.
    ///
    /// # Errors
    /// `Corrupt` if it cannot be salvaged: its meta file or its MANIFEST is damaged. Those of a verification.
    pub(in crate::engine::restore) fn find(
        engine: &BackupEngineReadOnly,
        loaded: &LoadedMeta,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let verified = engine.verify_each(loaded.id.into(), &VerifyOptions::default(), observer)?;
        let lost = Lost::of(loaded, &verified)?;
        let is_manifest = |name: &DbFileName| matches!(name, DbFileName::Manifest(_));
        let mut files = loaded.meta.files.iter().filter(|file| !file.excluded);
        let wrong = files.find_map(|file| {
            let path = file.path.to_string();
            let reason = lost.files.get(&path)?;
            is_manifest(&file.path.restored_name()).then(|| (path, reason.clone()))
        });
        match wrong {
            Some((path, reason)) => Err(hopeless(loaded, path, reason)),
            None => Ok(lost),
        }
    }

    fn of(loaded: &LoadedMeta, verified: &VerifyReport) -> Result<Self> {
        let mut lost = Lost::default();
        let meta = layout::meta(loaded.id);
        for finding in &verified.findings {
            match finding.kind {
                // RocksDB reads the rest of such a file, and it is what was backed up.
                FindingKind::DamagedContents => {}
                // What the meta file does not list is missed by the MANIFEST.
                FindingKind::Unlisted => {}
                _ if finding.file == meta.as_str() => {
                    return Err(hopeless(loaded, finding.file.clone(), finding.reason.clone()));
                }
                _ => drop(lost.files.insert(finding.file.clone(), finding.reason.clone())),
            }
        }
        for unchecked in &verified.unchecked {
            lost.files
                .insert(unchecked.file.clone(), unchecked.reason.clone());
        }
        Ok(lost)
    }

    /// The meta file without lost files, and the facts without those of the application.
    pub(in crate::engine::restore) fn leave_out(
        &self,
        loaded: &LoadedMeta,
        facts: &mut Option<BackupFacts>,
    ) -> LoadedMeta {
        let mut whole = loaded.clone();
        let is_whole = |path: String| !self.files.contains_key(&path);
        whole
            .meta
            .files
            .retain(|file| file.excluded || is_whole(file.path.to_string()));
        if let Some(facts) = facts {
            let directory = layout::included(loaded.id);
            facts
                .included
                .retain(|file| is_whole(format!("{directory}/{}", file.path)));
        }
        whole
    }

    /// What is lost, by the names in the database.
    pub(super) fn by_name(&self, id: BackupId) -> BTreeMap<String, LostFile> {
        let files = self.files.iter().map(|(path, reason)| {
            let name = name_of(id, path);
            let file = LostFile {
                name: name.clone(),
                path: Some(path.clone()),
                reason: reason.clone(),
                ..LostFile::default()
            };
            (name, file)
        });
        files.collect()
    }
}

/// The name in the database of a file of a backup.
fn name_of(id: BackupId, path: &str) -> String {
    let included = || {
        path.strip_prefix(layout::included(id).as_str())?
            .strip_prefix('/')
    };
    match RepoPath::parse(path) {
        Some(known) => known.restored_name().to_string(),
        None => included().unwrap_or(path).to_owned(),
    }
}

fn hopeless(loaded: &LoadedMeta, file: String, reason: String) -> Error {
    let message = format!("backup {} cannot be salvaged: {file}: {reason}", loaded.id);
    Error::new(ErrorKind::Corrupt, message)
        .with_hint("restore another backup, or repair this one from another repository")
        .with_findings(vec![Finding { file, reason }])
}
