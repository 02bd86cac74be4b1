//! What the backup to be restored has: its files with where each one's bytes are.

use std::path::PathBuf;
use std::sync::Arc;

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::parse_current;
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{BackupId, Crc32c, SequenceNumber};

use super::alternates::Alternates;
use crate::in_short::in_short;
use crate::repo::catalog::LoadedMeta;
use crate::repo::described::{self, Described};
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::file_check;
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::{layout, listed};
use crate::store::{Key, Store};
use crate::{Error, ErrorKind, Finding, Result};

/// Longer than any CURRENT; an OPTIONS file has some kilobytes for each column family.
const CURRENT_LIMIT_BYTES: u64 = 4096;
const OPTIONS_LIMIT_BYTES: u64 = 64 << 20;

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Source {
    /// In the repository, at its path.
    Stored,
    /// At its path in another repository, since the backup was made without it.
    Alternate(Arc<dyn Store>),
    /// Here, checked already.
    Bytes(Arc<[u8]>),
    /// The backup was made without it, and neither another backup nor another repository has it.
    Nowhere,
}

/// One file of the database to be.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Wanted {
    pub(in crate::engine) name: DbFileName,
    /// Its path in the repository; `None` for a file that is made here.
    pub(in crate::engine) path: Option<RepoPath>,
    pub(in crate::engine) size_bytes: u64,
    pub(in crate::engine) crc32c: Option<Crc32c>,
    /// The session that wrote it, by its name or our facts.
    pub(in crate::engine) session: Option<SessionId>,
    pub(in crate::engine) source: Source,
}

impl Wanted {
    /// Its path in the repository as text, for messages.
    pub(in crate::engine) fn path_text(&self) -> String {
        match &self.path {
            Some(path) => path.to_string(),
            None => self.name.to_string(),
        }
    }

    /// Where its bytes are in a repository.
    ///
    /// # Errors
    /// Those of [`Key::new`], which no file of a backup has.
    pub(in crate::engine) fn key(&self) -> Result<Key> {
        Key::new(self.path_text())
    }
}

/// A backup, looked at but not read.
#[derive(Debug)]
pub(in crate::engine) struct Backup {
    pub(in crate::engine) id: BackupId,
    pub(in crate::engine) meta_crc32c: Crc32c,
    /// The database's id, where any record has it.
    pub(in crate::engine) database_id: Option<String>,
    /// Whether the MANIFEST carries it; else IDENTITY has to.
    pub(in crate::engine) id_in_manifest: bool,
    /// The exact last sequence number, where our facts have it.
    pub(in crate::engine) sequence_number: Option<SequenceNumber>,
    /// What CURRENT holds.
    pub(in crate::engine) current: String,
    pub(in crate::engine) files: Vec<Wanted>,
    /// Files of the application that were taken along.
    pub(in crate::engine) included: Vec<IncludedFile>,
    /// Whether our facts about the backup are missing or damaged.
    pub(in crate::engine) lacks_facts: bool,
}

impl Backup {
    /// Looks at all that the backup names, by the facts that tell sizes. What was listed already is not listed again.
    ///
    /// # Errors
    /// `Corrupt` with everything that is missing, has a wrong size, or is not listed though the MANIFEST names it, or if
    /// there is no MANIFEST that CURRENT names.
    pub(in crate::engine) fn look(
        index: &RepositoryIndex<'_>,
        store: &dyn Store,
        loaded: &LoadedMeta,
        facts: Option<BackupFacts>,
        alternate_dirs: &[PathBuf],
    ) -> Result<Self> {
        let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
        let mut found = Vec::with_capacity(loaded.meta.files.len());
        let mut findings = file_check::findings(&loaded.meta.files, &sizes, |path| {
            let there = index.get(path)?;
            found.push(there.and_then(|there| there.size_bytes).unwrap_or(0));
            Ok(there)
        })?;
        let taken_along = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        findings.extend(included::findings_of(store, loaded.id, taken_along)?);
        if !findings.is_empty() {
            return Err(damaged_files(loaded.id, findings));
        }
        // A MANIFEST that is damaged is found when it is copied.
        let unlisted = described::harmless(listed::check(store, loaded, facts.as_ref()))?.unwrap_or_default();
        if !unlisted.is_empty() {
            return Err(damaged_files(loaded.id, unlisted));
        }
        let alternates = Alternates::open(store, loaded, alternate_dirs)?;
        let (mut files, mut found) = (Vec::with_capacity(loaded.meta.files.len()), found.into_iter());
        for file in &loaded.meta.files {
            files.push(match file.excluded {
                true => alternates.find(file, &sizes, index)?,
                false => stored(file, found.next().unwrap_or(0)),
            });
        }
        let current = load_small_files(store, loaded.id, &mut files)?;
        let (database_id, id_in_manifest) = match &facts {
            Some(facts) => (facts.database_id.clone(), facts.database_id_in_manifest),
            None => {
                let id = Described::read(store, loaded)?.database_id;
                let in_manifest = id.is_some();
                (id, in_manifest)
            }
        };
        Ok(Backup {
            id: loaded.id,
            sequence_number: facts.as_ref().map(|facts| SequenceNumber(facts.sequence_number)),
            meta_crc32c: loaded.crc32c,
            database_id,
            id_in_manifest,
            current,
            files,
            lacks_facts: facts.is_none(),
            included: facts.map(|facts| facts.included).unwrap_or_default(),
        })
    }
}

fn stored(file: &MetaFile, size_bytes: u64) -> Wanted {
    Wanted {
        name: file.path.restored_name(),
        path: Some(file.path.clone()),
        size_bytes,
        crc32c: file.told_crc32c(),
        session: file.path.shared_name().and_then(|name| name.session_id()),
        source: Source::Stored,
    }
}

/// CURRENT and OPTIONS are read at once: the first decides whether there is a database, the second may be rewritten.
fn load_small_files(store: &dyn Store, id: BackupId, files: &mut [Wanted]) -> Result<String> {
    let mut current = None;
    for file in files.iter_mut() {
        let limit_bytes = match file.name {
            DbFileName::Current => CURRENT_LIMIT_BYTES,
            DbFileName::Options(_) => OPTIONS_LIMIT_BYTES,
            _ => continue,
        };
        let Source::Stored = &file.source else {
            continue;
        };
        let key = file.key()?;
        let bytes = store.read(&key, limit_bytes)?;
        let found = Crc32c(crc32c::crc32c(&bytes));
        if let Some(expected) = file.crc32c.filter(|expected| *expected != found) {
            return Err(wrong_checksum(id, key.as_str(), expected, found));
        }
        if file.name == DbFileName::Current {
            let number =
                parse_current(&bytes).map_err(|error| damaged(id, key.as_str(), error.to_string()))?;
            current = Some((number, bytes.clone(), key));
        }
        file.source = Source::Bytes(bytes.into());
    }
    let Some((manifest, bytes, path)) = current else {
        return Err(damaged(id, "CURRENT", "the backup has none".into()));
    };
    if !files
        .iter()
        .any(|file| file.name == DbFileName::Manifest(manifest))
    {
        let reason = format!("it names MANIFEST-{manifest:06}, which the backup does not have");
        return Err(damaged(id, path.as_str(), reason));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A backup that was made without these files, which are nowhere else.
pub(in crate::engine) fn incomplete(id: BackupId, nowhere: &mut [&Wanted]) -> Error {
    nowhere.sort_by(|a, b| a.name.cmp(&b.name));
    // One is looked for by its path; of many the names in the database are enough.
    let (files, names) = match *nowhere {
        [only] => ("1 file".to_owned(), only.path_text()),
        _ => {
            let names: Vec<&DbFileName> = nowhere.iter().map(|file| &file.name).collect();
            (format!("{} files", names.len()), in_short(&names))
        }
    };
    let reason = format!("excludes {files} found in no other backup and no alternate directory: {names}");
    let finding = Finding {
        file: layout::meta(id).to_string(),
        reason: reason.clone(),
    };
    Error::new(ErrorKind::InvalidArgument, format!("backup {id} {reason}"))
        .with_hint("name the repositories that have them (--alternate-dir)")
        .with_findings(vec![finding])
        .about_a_backup()
}

/// A file of the backup that is not what it should be.
pub(in crate::engine) fn damaged(id: BackupId, path: &str, reason: String) -> Error {
    let file = path.to_owned();
    damaged_files(id, vec![Finding { file, reason }])
}

pub(in crate::engine) fn wrong_checksum(id: BackupId, path: &str, expected: Crc32c, found: Crc32c) -> Error {
    damaged(id, path, format!("its checksum is {found} instead of {expected}"))
}

fn damaged_files(id: BackupId, findings: Vec<Finding>) -> Error {
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    let more = match findings.len() {
        0 | 1 => String::new(),
        count => format!(", and {} files more", count - 1),
    };
    Error::new(
        ErrorKind::Corrupt,
        format!("backup {id} is damaged: {first}{more}"),
    )
    .with_hint("restore another backup, or latest-valid")
    .with_findings(findings)
}
