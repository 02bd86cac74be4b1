//! Step K2 of a copy: one backup of the source, with every file that it must have.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use super::context::Context;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::pin::{self, Pinned};
use crate::repo::{file_check, layout, record_text, unbound_facts};
use crate::store::{self, Key};
use crate::{Error, ErrorKind, Finding, Result, Warning};

/// A file that is to be in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedFile {
    /// Where the source has it.
    pub(super) from: Key,
    /// Its path, unless it is one of the application.
    pub(super) path: Option<RepoPath>,
    pub(super) size_bytes: u64,
    /// What its bytes must have; `None` if no record of the source says so.
    pub(super) crc32c: Option<Crc32c>,
}

/// See the [module](self).
pub(super) struct SourceBackup {
    pub(super) pinned: Pinned,
    /// Our facts, with those files only whose sizes nothing else has.
    pub(super) facts: Option<BackupFacts>,
    pub(super) shared: Vec<WantedFile>,
    pub(super) private: Vec<WantedFile>,
    pub(super) included: Vec<IncludedFile>,
    pub(super) excluded: u64,
    pub(super) warnings: Vec<Warning>,
}

/// Whether the backup is kept from being collected while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Pin,
    Nothing,
}

/// Reads a backup, and checks that its files are there with their sizes.
///
/// # Errors
/// `NotFound` if there is no such backup, `Corrupt` or `Unsupported`, with findings, if it cannot be copied, and I/O errors.
pub(super) fn read(
    context: &Context<'_>,
    index: &RepositoryIndex<'_>,
    id: BackupId,
    hold: Hold,
) -> Result<SourceBackup> {
    let store = context.source();
    let pinned = match hold {
        Hold::Pin => pin::pin(store, id)?,
        Hold::Nothing => pin::without_pin(store, id)?,
    };
    let loaded = &pinned.loaded;
    let facts = loaded.facts_for_sizes(store)?;
    let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
    let mut findings = file_check::findings(&loaded.meta.files, &sizes, |path| index.get(path))?;
    let included = facts
        .as_ref()
        .map(|facts| facts.included.clone())
        .unwrap_or_default();
    findings.extend(included::findings_of(store, id, &included)?);
    if !findings.is_empty() {
        return Err(pinned.explain(store, damaged(findings)));
    }
    let mut warnings = Vec::new();
    if facts.is_none() {
        warnings.extend(unbound_facts::without_facts(store, loaded, "copied")?);
    }
    let (mut shared, mut private, mut excluded) = (Vec::new(), Vec::new(), 0);
    for file in &loaded.meta.files {
        if file.excluded {
            excluded += 1;
            continue;
        }
        let listed = || Ok::<_, Error>(index.get(&file.path)?.and_then(|stored| stored.size_bytes));
        let size_bytes = match sizes.expected(file) {
            Some(size_bytes) => size_bytes,
            None => listed()?.unwrap_or_default(),
        };
        let mut wanted = WantedFile {
            from: layout::file(&file.path)?,
            path: Some(file.path.clone()),
            size_bytes,
            crc32c: file.recorded_crc32c(),
        };
        match file.path {
            RepoPath::Private(_) => private.push(wanted),
            RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => {
                // What the target has under this name is compared by its checksum.
                if wanted.crc32c.is_none() {
                    let object = store.open(&wanted.from)?;
                    let crc32c = store::checksum(object.as_ref(), wanted.from.as_str(), context.observer)?;
                    wanted.crc32c = Some(crc32c);
                }
                shared.push(wanted);
            }
        }
    }
    drop(sizes);
    Ok(SourceBackup {
        pinned,
        facts,
        shared,
        private,
        included,
        excluded,
        warnings,
    })
}

impl SourceBackup {
    /// The text of its meta file, which must still be what it was.
    ///
    /// # Errors
    /// `NotFound` if the backup was deleted meanwhile.
    pub(super) fn meta_text(&self, context: &Context<'_>) -> Result<Vec<u8>> {
        let (store, id) = (context.source(), self.pinned.loaded.id);
        let gone = || Error::not_found(format!("backup {id} was deleted while it was read"));
        match record_text::read(store, &layout::meta(id)) {
            Ok(text) if self.pinned.loaded.is_of(&text) => Ok(text),
            Ok(_) => Err(gone()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(gone()),
            Err(error) => Err(error),
        }
    }
}

impl WantedFile {
    /// A file of the application.
    pub(super) fn included(file: &IncludedFile, id: BackupId) -> Result<Self> {
        Ok(WantedFile {
            from: file.key(id)?,
            path: None,
            size_bytes: file.size_bytes,
            crc32c: Some(file.checksum()),
        })
    }
}

/// The error for a backup whose files are missing or wrong.
pub(super) fn damaged(findings: Vec<Finding>) -> Error {
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    Error::new(ErrorKind::Corrupt, first).with_findings(findings)
}
