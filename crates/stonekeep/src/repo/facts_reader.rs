//! Reads the facts of a backup from the repository: all of them, or only what is asked for.

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaFile;

use super::checked_pieces::{self, Wanted};
use super::facts::{BackupFacts, Collected, FileFacts};
use super::layout;
use super::loaded_meta::LoadedMeta;
use super::pieces::Pieces;
use super::stream::target::BaseOfStream;
use crate::store::{Key, Store};
use crate::{ErrorKind, Result};

impl LoadedMeta {
    /// Our facts about it, if there are any.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts(&self, store: &Store) -> Result<Option<BackupFacts>> {
        read(store, self, Wanted::All, &mut Vec::new())
    }

    /// Whether these facts are about it.
    pub fn is_described_by(&self, facts: &BackupFacts) -> bool {
        facts.belong_to(self.id, self.crc32c, self.size_bytes)
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

/// The facts of a backup, whatever its meta file is, each file handed over as its line is read; what was handed over counts only
/// if the facts come back.
///
/// # Errors
/// I/O errors of the store.
pub fn read_each(
    store: &Store,
    id: BackupId,
    take: &mut dyn FnMut(FileFacts),
) -> Result<Option<BackupFacts>> {
    read_some(store, id, Wanted::All, &mut Vec::new(), take)
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
    let unknown = files.filter(|(_, file)| file.recorded_size_bytes().is_none());
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
    let facts = facts.filter(|facts| of.is_described_by(facts));
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

/// The stream that goes on from a backup, by the facts of its meta file; `None` also if the backup is gone or damaged.
///
/// # Errors
/// I/O errors of the store.
pub fn stream_of(store: &Store, id: BackupId) -> Result<Option<BaseOfStream>> {
    let meta = match LoadedMeta::unparsed(store, id) {
        Ok(meta) => meta,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(meta.facts_head(store)?.and_then(|facts| facts.stream))
}

/// The lines about files in the facts of a backup, as they are in the file.
pub(crate) struct FileLines<'a> {
    pieces: Pieces<'a>,
    /// The number of the next line; the header is line 0.
    next: usize,
    /// The length of the line that was handed out last.
    handed_out: usize,
}

impl<'a> FileLines<'a> {
    /// Opens the facts under this key. The buffer is for reading.
    ///
    /// # Errors
    /// `NotFound` if there are none, and I/O errors of the store.
    pub(crate) fn open(store: &Store, key: &'a Key, buffer: &'a mut Vec<u8>) -> Result<Self> {
        Ok(FileLines {
            pieces: Pieces::open(store, key, layout::RECORD_LIMIT_BYTES, buffer)?,
            next: 0,
            handed_out: 0,
        })
    }

    /// The line about the file of this place, the first one being 0, with its newline; `None` for a line before one that was
    /// asked for, or after the last.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(crate) fn line(&mut self, place: usize) -> Result<Option<&[u8]>> {
        let wanted = place + 1;
        self.pieces.take(std::mem::take(&mut self.handed_out));
        while self.next <= wanted {
            let Some(end) = memchr::memchr(b'\n', self.pieces.text()) else {
                if self.pieces.more()? {
                    continue;
                }
                return Ok(None);
            };
            // Empty lines do not count.
            self.next += usize::from(end > 0);
            if end > 0 && self.next > wanted {
                self.handed_out = end + 1;
                return Ok(self.pieces.text().get(..=end));
            }
            self.pieces.take(end + 1);
        }
        Ok(None)
    }
}
