//! The contents of one backup: every file with where its bytes are.

use std::path::PathBuf;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c, SequenceNumber};

use super::alternates::Alternates;
use super::content::{Content, FileSource};
use super::current::{CURRENT_LIMIT_BYTES, only_current, wrong_current};
use super::damage::{damaged, damaged_files, incomplete, wrong_checksum};
use super::file::BackupFile;
use crate::repo::catalog::LoadedMeta;
use crate::repo::described;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::layout;
use crate::repo::listed::Listed;
use crate::repo::record_text;
use crate::repo::stored_files::StoredEntry;
use crate::repo::wrong::Wrong;
use crate::store::{EntryKind, Key, Store};
use crate::{ErrorKind, Finding, Result};

/// How the files of a backup are found.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Find<'a> {
    /// Other repositories that may have files which the backup excludes.
    pub(in crate::engine) alternate_dirs: &'a [PathBuf],
    /// Whether files of the backup are lost, and not in its list any more. CURRENT may be one of them.
    pub(in crate::engine) is_incomplete: bool,
}

/// A backup whose files are known to exist with the right sizes. Tables, blobs and WALs have not been read.
#[derive(Debug)]
pub(in crate::engine) struct BackupContents {
    pub(in crate::engine) id: BackupId,
    pub(in crate::engine) meta_crc32c: Crc32c,
    /// The database's id, where any record has it.
    pub(in crate::engine) database_id: Option<String>,
    /// Whether the MANIFEST carries it; else IDENTITY has to.
    pub(in crate::engine) id_in_manifest: bool,
    /// The exact last sequence number, where the facts have it.
    pub(in crate::engine) sequence_number: Option<SequenceNumber>,
    /// What CURRENT holds.
    pub(in crate::engine) current: String,
    pub(in crate::engine) files: Vec<BackupFile>,
    /// Files of the application that the backup includes.
    pub(in crate::engine) included: Vec<IncludedFile>,
    /// Whether the facts about the backup are missing or damaged.
    pub(in crate::engine) lacks_facts: bool,
}

impl BackupContents {
    /// Finds every file of a backup, by the facts that have their sizes. What the index lists already is not listed again.
    /// Without an index sizes are those that are recorded, and [`require_stored`] checks the files that matter.
    ///
    /// # Errors
    /// `Corrupt` with everything that is missing, has a wrong size, or is not listed though the MANIFEST names it, or if
    /// there is no MANIFEST that CURRENT names.
    pub(in crate::engine) fn find(
        index: Option<&RepositoryIndex<'_>>,
        store: &Store,
        loaded: &LoadedMeta,
        facts: Option<BackupFacts>,
        how: Find<'_>,
    ) -> Result<Self> {
        let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
        let (mut files, mut findings) = listed_files(index, store, loaded, &sizes)?;
        let included_files = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        findings.extend(included::findings_of(store, loaded.id, included_files)?);
        require_none(loaded.id, findings)?;
        if facts.is_none() && !how.is_incomplete {
            // Facts are of a meta file that nobody has changed since it was written with all files. A MANIFEST that is
            // damaged is found when it is copied.
            let listed = Listed::of(&loaded.meta.files);
            let unlisted = described::check_list(store, loaded, &listed, None);
            require_none(loaded.id, described::harmless(unlisted)?.unwrap_or_default())?;
        }
        let alternates = Alternates::open(store, loaded, how.alternate_dirs)?;
        for (file, wanted) in loaded.meta.files.iter().zip(&mut files) {
            if file.excluded {
                alternates.find(wanted, store, sizes.expected(file))?;
            }
        }
        let current = load_small_files(store, loaded, &mut files)?;
        let current = match current {
            None if how.is_incomplete => only_current(&loaded.meta.files).inspect(|current| {
                let bytes = current.clone().into_bytes();
                files.push(BackupFile::generated(DbFileName::Current, bytes));
            }),
            current => current,
        };
        let current = current.ok_or_else(|| damaged(loaded.id, "CURRENT", "the backup has none".into()))?;
        let (database_id, id_in_manifest) = match &facts {
            Some(facts) => (facts.database_id.clone(), facts.database_id_in_manifest),
            None => {
                let id = described::database_id(store, loaded)?;
                let in_manifest = id.is_some();
                (id, in_manifest)
            }
        };
        Ok(BackupContents {
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

    /// IDENTITY, where the database's id is in no MANIFEST. RocksDB before 9.7 keeps it there alone, and no backup has
    /// that file.
    pub(in crate::engine) fn identity(&self) -> Option<BackupFile> {
        let id = self.database_id.clone().filter(|_| !self.id_in_manifest)?;
        Some(BackupFile::generated(DbFileName::Identity, id.into_bytes()))
    }

    /// Refuses a backup that excludes files which are stored nowhere else; `is_needed` decides for which of them that
    /// matters.
    ///
    /// # Errors
    /// `InvalidArgument` that names them.
    pub(in crate::engine) fn require_complete(&self, is_needed: impl Fn(&BackupFile) -> bool) -> Result<()> {
        let nowhere = |file: &&BackupFile| matches!(file.source, FileSource::Nowhere) && is_needed(file);
        let nowhere: Vec<&BackupFile> = self.files.iter().filter(nowhere).collect();
        if nowhere.is_empty() {
            Ok(())
        } else {
            Err(incomplete(self.id, nowhere))
        }
    }
}

/// The files of a meta file's list, and what is wrong with those that are stored.
fn listed_files(
    index: Option<&RepositoryIndex<'_>>,
    store: &Store,
    loaded: &LoadedMeta,
    sizes: &ExpectedSizes<'_>,
) -> Result<(Vec<BackupFile>, Vec<Finding>)> {
    // With one more, for IDENTITY.
    let mut files = Vec::with_capacity(loaded.meta.files.len() + 1);
    let mut findings = Vec::new();
    for file in &loaded.meta.files {
        let expected = sizes.expected(file);
        if file.excluded {
            files.push(BackupFile::listed(
                file,
                expected.unwrap_or(0),
                FileSource::Nowhere,
            ));
            continue;
        }
        let stored = match (index, expected) {
            // It may have been listed before the backup was complete.
            (Some(index), _) => match index.get(&file.path)? {
                None => look(store, &layout::file(&file.path)?)?,
                listed => listed,
            },
            (None, Some(expected)) => Some(StoredEntry::file(expected)),
            (None, None) => look(store, &layout::file(&file.path)?)?,
        };
        if let Some(wrong) = Wrong::of(stored, expected) {
            findings.push(wrong.finding(&file.path));
        }
        let size_bytes = stored.and_then(|stored| stored.size_bytes).or(expected);
        files.push(BackupFile::listed(
            file,
            size_bytes.unwrap_or(0),
            FileSource::Stored,
        ));
    }
    Ok((files, findings))
}

/// Checks that files are stored, with their sizes.
///
/// # Errors
/// `Corrupt` with all that are missing or have another size.
pub(in crate::engine) fn require_stored<'f>(
    store: &Store,
    id: BackupId,
    files: impl Iterator<Item = &'f Content>,
) -> Result<()> {
    let mut findings = Vec::new();
    for file in files.filter(|file| matches!(file.source, FileSource::Stored)) {
        let wrong = Wrong::of(look(store, &file.key)?, Some(file.size_bytes));
        findings.extend(wrong.map(|wrong| Finding {
            file: file.key.to_string(),
            reason: wrong.to_string(),
        }));
    }
    require_none(id, findings)
}

fn look(store: &Store, key: &Key) -> Result<Option<StoredEntry>> {
    match store.stat(key) {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(StoredEntry {
            kind: EntryKind::Other,
            size_bytes: None,
        })),
        stat => Ok(stat?.map(|stat| StoredEntry::file(stat.size_bytes))),
    }
}

fn require_none(id: BackupId, findings: Vec<Finding>) -> Result<()> {
    if findings.is_empty() {
        Ok(())
    } else {
        Err(damaged_files(id, findings))
    }
}

/// Reads CURRENT, which decides whether there is a database, and OPTIONS, which may be rewritten.
fn load_small_files(store: &Store, loaded: &LoadedMeta, files: &mut [BackupFile]) -> Result<Option<String>> {
    let mut current = None;
    for file in files.iter_mut() {
        if !matches!(file.name, DbFileName::Current | DbFileName::Options(_)) {
            continue;
        }
        let FileSource::Stored = &file.source else {
            continue;
        };
        let key = file.key()?;
        let read = match file.name {
            DbFileName::Options(_) => record_text::read_options(store, &key),
            _ => store.read(&key, CURRENT_LIMIT_BYTES),
        };
        let bytes = read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let wrong = Wrong::of_opening_listed(store, &error).unwrap_or(Wrong::Missing);
                damaged(loaded.id, key.as_str(), wrong.to_string())
            }
            _ => error,
        })?;
        let found = Crc32c(crc32c::crc32c(&bytes));
        if let Some(expected) = file.crc32c.filter(|expected| *expected != found) {
            return Err(wrong_checksum(loaded.id, key.as_str(), expected, found));
        }
        if file.name == DbFileName::Current {
            if let Some(reason) = wrong_current(&bytes, &loaded.meta.files) {
                return Err(damaged(loaded.id, key.as_str(), reason));
            }
            current = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        file.source = FileSource::Bytes(bytes.into());
    }
    Ok(current)
}
