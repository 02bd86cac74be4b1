//! Reads the facts of a backup from the repository: all of them, or only what is asked for.

use stonekeep_format::BackupId;

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
        read(store, self, WantedFiles::All, &mut Vec::new())
    }

    /// The same, each file handed over as it is read; what was handed over counts only if the facts come back.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn facts_each(&self, store: &Store, take: &mut dyn FnMut(FileFacts)) -> Result<Option<BackupFacts>> {
        read_each(store, self, take)
    }

    /// The same, with those files only whose sizes neither the meta file nor a name tells.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts_for_sizes(&self, store: &Store) -> Result<Option<BackupFacts>> {
        let files = self.meta.files.iter().enumerate();
        let unknown = files.filter(|(_, file)| file.told_size_bytes().is_none());
        let places: Vec<usize> = unknown.map(|(place, _)| place).collect();
        let (places, of) = (places.as_slice(), self.meta.files.len());
        read(store, self, WantedFiles::These { places, of }, &mut Vec::new())
    }

    /// The same, without any file.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts_head(&self, store: &Store) -> Result<Option<BackupFacts>> {
        read(store, self, WantedFiles::None, &mut Vec::new())
    }
}

/// Which files of a backup are wanted of its facts.
#[derive(Debug, Clone, Copy)]
pub(super) enum WantedFiles<'a> {
    /// None.
    None,
    /// All.
    All,
    /// By their places in the meta file, which has so many files: these, in ascending order.
    These { places: &'a [usize], of: usize },
}

/// The facts of this meta file, if they are there, whole and its own, with those of its files that are wanted.
///
/// # Errors
/// I/O errors of the store; damaged facts are no error, they are as good as none.
pub(super) fn read(
    store: &Store,
    of: &LoadedMeta,
    wanted: WantedFiles<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Option<BackupFacts>> {
    let (mut files, id) = (Vec::new(), of.id);
    let mut take = |file| files.push(file);
    let facts = match wanted {
        WantedFiles::None => read_some(store, id, Wanted::None, buffer, &mut take)?,
        WantedFiles::All => read_some(store, id, Wanted::All, buffer, &mut take)?,
        WantedFiles::These { places, of: files } => {
            // The header is line 0.
            let lines: Vec<usize> = places.iter().map(|place| place + 1).collect();
            let (lines, from) = (lines.as_slice(), files + 1);
            read_some(store, id, Wanted::These { lines, from }, buffer, &mut take)?
        }
    };
    let facts = facts.filter(|facts| facts.belong_to(of.id, of.crc32c, of.size_bytes));
    Ok(facts.map(|facts| BackupFacts { files, ..facts }))
}

/// The same, each file handed over as its line is read, for callers who keep less of it. What they were given counts only
/// if the facts come back.
///
/// # Errors
/// As [`read`].
fn read_each(store: &Store, of: &LoadedMeta, take: &mut dyn FnMut(FileFacts)) -> Result<Option<BackupFacts>> {
    let facts = read_some(store, of.id, Wanted::All, &mut Vec::new(), take)?;
    Ok(facts.filter(|facts| facts.belong_to(of.id, of.crc32c, of.size_bytes)))
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
