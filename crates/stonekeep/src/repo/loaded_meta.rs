//! A meta file that has been read, with what binds other records to it.

use stonekeep_format::backup_meta::{BackupMeta, LINE_LIMIT_BYTES, MetaDecoder, MetaLine};
use stonekeep_format::{BackupId, Crc32c, FormatError};

use super::layout;
use super::pieces::Pieces;
use crate::store::{Key, Store};
use crate::{Error, ErrorKind, Result};

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct LoadedMeta {
    /// The backup.
    pub id: BackupId,
    /// What it says.
    pub meta: BackupMeta,
    /// CRC-32C of the file.
    pub crc32c: Crc32c,
    /// Length of the file.
    pub size_bytes: u64,
}

impl LoadedMeta {
    /// The meta file with this content.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`, as the content is.
    pub fn decode(id: BackupId, bytes: &[u8]) -> Result<Self> {
        let meta = BackupMeta::decode(id, bytes);
        let meta = meta.map_err(|error| unreadable(&layout::meta(id), error))?;
        Ok(LoadedMeta {
            id,
            meta,
            crc32c: Crc32c(crc32c::crc32c(bytes)),
            size_bytes: bytes.len() as u64,
        })
    }

    /// Reads the meta file under this key in pieces: neither a line that is too long nor a large file of another kind takes
    /// memory.
    ///
    /// # Errors
    /// As [`Self::decode`], and those of the store.
    pub fn read(store: &Store, id: BackupId, key: &Key) -> Result<Self> {
        let (mut buffer, mut files) = (Vec::new(), Vec::new());
        let mut take = |line| match line {
            MetaLine::File(file) => files.push(file),
            // No path is known.
            MetaLine::Known(..) => {}
        };
        let decoder = MetaDecoder::new(Some(id));
        let loaded = read_lines(store, (id, key), decoder, &mut buffer, &mut take)?;
        let meta = BackupMeta { files, ..loaded.meta };
        Ok(LoadedMeta { meta, ..loaded })
    }

    /// A meta file whose content is not looked at: what binds our facts to it.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Corrupt` for what is no regular file or too long, and I/O errors of the store.
    pub(crate) fn unparsed(store: &Store, id: BackupId) -> Result<Self> {
        let (key, mut buffer) = (layout::meta(id), Vec::new());
        let mut pieces = Pieces::open(store, &key, layout::RECORD_LIMIT_BYTES, &mut buffer)?;
        while pieces.more()? {
            pieces.take(pieces.text().len());
        }
        Ok(LoadedMeta {
            id,
            meta: BackupMeta::default(),
            crc32c: pieces.crc32c(),
            size_bytes: pieces.size_bytes(),
        })
    }

    /// Whether this is the content of a meta file with these bytes, by length and checksum.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.size_bytes == bytes.len() as u64 && self.crc32c.0 == crc32c::crc32c(bytes)
    }
}

/// A meta file that exists, readable or not.
#[derive(Debug)]
pub enum MetaState<T = LoadedMeta> {
    /// It can be read.
    Readable(T),
    /// It is damaged (`Corrupt`) or too new (`Unsupported`): the backup is kept, and so is every shared file.
    Unreadable(Error),
}

impl<T> MetaState<T> {
    /// The state of the meta file of this backup after it was read.
    ///
    /// # Errors
    /// `NotFound` if there is no such backup, and I/O errors of the store.
    pub(super) fn of(store: &Store, id: BackupId, read: Result<T>) -> Result<Self> {
        match read {
            Ok(meta) => Ok(MetaState::Readable(meta)),
            Err(error) => match error.kind() {
                ErrorKind::Corrupt | ErrorKind::Unsupported => Ok(MetaState::Unreadable(error)),
                ErrorKind::NotFound => Err(no_such_backup(store, id)),
                _ => Err(error),
            },
        }
    }

    /// The meta file, or the reason why it cannot be read.
    ///
    /// # Errors
    /// The reason.
    pub fn into_result(self) -> Result<T> {
        match self {
            MetaState::Readable(meta) => Ok(meta),
            MetaState::Unreadable(error) => Err(error),
        }
    }
}

/// The error for a meta file that is damaged or too new.
fn unreadable(key: &Key, error: FormatError) -> Error {
    let error = Error::format(key.as_str(), error);
    if error.kind() != ErrorKind::Corrupt {
        return error;
    }
    error.with_hint(
        "repair may write the meta file again; latest-valid is the newest backup without known damage",
    )
}

/// The error for a backup that does not exist.
pub(crate) fn no_such_backup(store: &Store, id: BackupId) -> Error {
    Error::not_found(format!("there is no backup {id} in {}", store.location()))
}

/// Reads a meta file without its files, which are handed out as they are decoded.
pub(super) fn read_lines(
    store: &Store,
    (id, key): (BackupId, &Key),
    mut decoder: MetaDecoder<'_>,
    buffer: &mut Vec<u8>,
    take: &mut dyn FnMut(MetaLine),
) -> Result<LoadedMeta> {
    let unreadable = |error| unreadable(key, error);
    let pieces = Pieces::open(store, key, layout::RECORD_LIMIT_BYTES, buffer)?;
    let mut pieces = pieces.held_at_most(2 * LINE_LIMIT_BYTES);
    while pieces.more()? {
        let taken = decoder.push(pieces.text(), take).map_err(unreadable)?;
        pieces.take(taken);
    }
    Ok(LoadedMeta {
        id,
        meta: decoder.finish(pieces.text()).map_err(unreadable)?,
        crc32c: pieces.crc32c(),
        size_bytes: pieces.size_bytes(),
    })
}
