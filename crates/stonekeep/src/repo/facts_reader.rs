//! Reads the facts of a backup from the repository: all of them, or only what is asked for.

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaFile;

use super::checked_pieces::{self, Wanted};
use super::facts::{BackupFacts, Collected, FileFacts};
use super::layout;
use super::loaded_meta::LoadedMeta;
use super::pieces::Pieces;
use crate::store::Store;
use crate::{ErrorKind, Result};

impl LoadedMeta {
    /// Our facts about it, if there are any.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts(&self, store: &Store) -> Result<Option<BackupFacts>> {
        read(store, self, Wanted::All, &mut Vec::new())
    }

    /// The same, each file handed over as its line is read; what was handed over counts only if the facts come back.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn facts_each(&self, store: &Store, take: &mut dyn FnMut(FileFacts)) -> Result<Option<BackupFacts>> {
        let facts = read_some(store, self.id, Wanted::All, &mut Vec::new(), take)?;
        Ok(facts.filter(|facts| facts.belong_to(self.id, self.crc32c, self.size_bytes)))
    }

    /// The same, with only those files whose sizes neither the meta file nor a name has.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn facts_for_sizes(&self, store: &Store) -> Result<Option<BackupFacts>> {
        let files = self.meta.files.iter().enumerate();
        read_for_sizes(store, self, files, self.meta.files.len(), &mut Vec::new())
    }

    /// The same, without any file.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn facts_head(&self, store: &Store) -> Result<Option<BackupFacts>> {
        read(store, self, Wanted::None, &mut Vec::new())
    }
}

/// The facts of this meta file with those of these files whose sizes neither the meta file nor a name has. Each file comes
/// with its place among all of them.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn read_for_sizes<'a>(
    store: &Store,
    of: &LoadedMeta,
    files: impl Iterator<Item = (usize, &'a MetaFile)>,
    file_count: usize,
    buffer: &mut Vec<u8>,
) -> Result<Option<BackupFacts>> {
    let unknown = files.filter(|(_, file)| file.told_size_bytes().is_none());
    // The header is line 0.
    let lines: Vec<usize> = unknown.map(|(place, _)| place + 1).collect();
    let (lines, from) = (lines.as_slice(), file_count + 1);
    read(store, of, Wanted::These { lines, from }, buffer)
}

/// The facts of this meta file, if they exist, complete and its own, with the wanted lines. Damaged facts are no error:
/// they are as good as none.
fn read(
    store: &Store,
    of: &LoadedMeta,
    wanted: Wanted<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Option<BackupFacts>> {
    let mut files = Vec::new();
    let facts = read_some(store, of.id, wanted, buffer, &mut |file| files.push(file))?;
    let facts = facts.filter(|facts| facts.belong_to(of.id, of.crc32c, of.size_bytes));
    Ok(facts.map(|facts| BackupFacts { files, ..facts }))
}

/// The facts under this id, whatever meta file they belong to: those of a run that was killed before its commit have none.
///
/// # Errors
/// I/O errors of the store; damaged facts are no error, they are as good as none.
pub fn read_orphan(store: &Store, id: BackupId) -> Result<Option<BackupFacts>> {
    let mut files = Vec::new();
    let facts = read_some(store, id, Wanted::All, &mut Vec::new(), &mut |file| {
        files.push(file)
    })?;
    Ok(facts.map(|facts| BackupFacts { files, ..facts }))
}

/// The same without any file.
///
/// # Errors
/// As [`read_orphan`].
pub(super) fn read_any_head(store: &Store, id: BackupId) -> Result<Option<BackupFacts>> {
    read_some(store, id, Wanted::None, &mut Vec::new(), &mut |_| {})
}

fn read_some(
    store: &Store,
    id: BackupId,
    wanted: Wanted<'_>,
    buffer: &mut Vec<u8>,
    take: &mut dyn FnMut(FileFacts),
) -> Result<Option<BackupFacts>> {
    let key = layout::facts(id);
    let (name, mut collected) = (key.as_str(), Collected { header: None, take });
    let facts = Pieces::open(store, &key, layout::RECORD_LIMIT_BYTES, buffer)
        .and_then(|pieces| checked_pieces::read(name, pieces, wanted, |line| collected.add(name, line)))
        .and_then(|()| collected.finish(name));
    match facts {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            tracing::warn!(%key, reason = %error.one_line(), "the facts cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
