//! Which backups there are, and what their meta files say.

use stonekeep_format::backup_meta::{BackupMeta, LINE_LIMIT_BYTES, MetaDecoder, MetaReader};
use stonekeep_format::{BackupId, Crc32c};

use super::facts::{self, BackupFacts, WantedFiles};
use super::layout;
use super::pieces::Pieces;
use crate::store::{Key, Store};
use crate::{Error, ErrorKind, Result, Warning, WarningName};

/// Larger meta files are not read as a whole, which is quicker where many of them are.
const WHOLE_BYTES: u64 = 16 << 20;

/// The names in `meta/`: one listing, no file is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The backups, oldest first.
    pub ids: Vec<BackupId>,
    /// Names that are no backup id.
    pub strangers: Vec<String>,
}

/// A meta file that could be read, with what binds other records to it.
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

/// A meta file with those of our facts that tell sizes: [`LoadedMeta::facts_for_sizes`].
#[derive(Debug)]
pub struct SizedMeta {
    /// The meta file.
    pub loaded: LoadedMeta,
    /// Our facts, if there are any.
    pub facts: Option<BackupFacts>,
}

impl SizedMeta {
    /// Reads what belongs to a meta file.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn read(store: &Store, loaded: LoadedMeta) -> Result<Self> {
        let facts = loaded.facts_for_sizes(store)?;
        Ok(SizedMeta { loaded, facts })
    }
}

/// A meta file that is there, readable or not.
#[derive(Debug)]
pub enum MetaState {
    /// It can be read.
    Readable(LoadedMeta),
    /// It is damaged (`Corrupt`) or too new (`Unsupported`): the backup is kept, and holds back every shared file.
    Unreadable(BackupId, Error),
}

impl MetaState {
    /// The backup.
    pub fn id(&self) -> BackupId {
        match self {
            MetaState::Readable(loaded) => loaded.id,
            MetaState::Unreadable(id, _) => *id,
        }
    }

    /// The meta file, or the reason why it cannot be read.
    ///
    /// # Errors
    /// The reason.
    pub fn into_result(self) -> Result<LoadedMeta> {
        match self {
            MetaState::Readable(loaded) => Ok(loaded),
            MetaState::Unreadable(_, error) => Err(error),
        }
    }
}

impl LoadedMeta {
    /// The meta file with this content.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`, as the content is.
    pub fn decode(id: BackupId, bytes: &[u8]) -> Result<Self> {
        Self::of(id, bytes, BackupMeta::decode(id, bytes))
    }

    /// Reads the meta file under this key piece by piece: a line that is too long, or a large file that is none, takes no
    /// memory.
    ///
    /// # Errors
    /// As [`Self::decode`], and those of the store.
    pub fn read(store: &Store, id: BackupId, key: &Key) -> Result<Self> {
        let unreadable = |error| Error::format(key.as_str(), error);
        let (mut buffer, mut files) = (Vec::new(), Vec::new());
        let mut decoder = MetaDecoder::new(Some(id));
        let pieces = Pieces::open(store, key, layout::RECORD_LIMIT_BYTES, &mut buffer)?;
        let mut pieces = pieces.held_at_most(2 * LINE_LIMIT_BYTES);
        while pieces.more()? {
            let taken = decoder.push(pieces.text(), &mut |file| files.push(file));
            pieces.take(taken.map_err(unreadable)?);
        }
        let meta = decoder.finish(pieces.text()).map_err(unreadable)?;
        Ok(LoadedMeta {
            id,
            meta: BackupMeta { files, ..meta },
            crc32c: pieces.crc32c(),
            size_bytes: pieces.size_bytes(),
        })
    }

    /// The same, after others of the same repository.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_with(reader: &mut MetaReader, id: BackupId, bytes: &[u8]) -> Result<Self> {
        Self::of(id, bytes, reader.decode(id, bytes))
    }

    /// Whether this is what stands in a meta file with these bytes, as far as length and checksum tell.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.size_bytes == bytes.len() as u64 && self.crc32c.0 == crc32c::crc32c(bytes)
    }

    fn of(id: BackupId, bytes: &[u8], meta: stonekeep_format::Result<BackupMeta>) -> Result<Self> {
        let meta = meta.map_err(|error| Error::format(layout::meta(id).as_str(), error))?;
        Ok(LoadedMeta {
            id,
            meta,
            crc32c: Crc32c(crc32c::crc32c(bytes)),
            size_bytes: bytes.len() as u64,
        })
    }

    /// Our facts about it, if there are any.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts(&self, store: &Store) -> Result<Option<BackupFacts>> {
        facts::read(store, self, WantedFiles::All, &mut Vec::new())
    }

    /// The same, each file handed over as it is read; what was handed over counts only if the facts come back.
    ///
    /// # Errors
    /// As [`Self::facts`].
    pub fn facts_each(
        &self,
        store: &Store,
        take: &mut dyn FnMut(facts::FileFacts),
    ) -> Result<Option<BackupFacts>> {
        facts::read_each(store, self, take)
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
        facts::read(store, self, WantedFiles::These { places, of }, &mut Vec::new())
    }

    /// The same, without any file.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts_head(&self, store: &Store) -> Result<Option<BackupFacts>> {
        facts::read(store, self, WantedFiles::None, &mut Vec::new())
    }
}

/// Lists the backups without reading any.
///
/// # Errors
/// I/O errors of the store.
pub fn list(store: &Store) -> Result<Listing> {
    let mut listing = Listing::default();
    for entry in store.list(Some(&layout::meta_directory()))? {
        match BackupId::parse(&entry.name) {
            Some(id) => listing.ids.push(id),
            None => listing.strangers.push(entry.name),
        }
    }
    listing.ids.sort_unstable();
    Ok(listing)
}

/// The warning for a name in `private/` which makes RocksDB's collector delete a valid backup; `None` for any other.
pub(crate) fn warn_of_private(name: &str) -> Option<Warning> {
    let message = "RocksDB's engine takes this for a leftover, and deletes the backup of that number with it";
    let about = || format!("{}/{name}", layout::private_directory());
    name.ends_with(".tmp")
        .then(|| Warning::about(WarningName::ForeignLeftover, about(), message))
}

/// Reads a meta file. Gone meanwhile, or never there, is `NotFound`; I/O errors are errors, never corruption.
///
/// # Errors
/// `NotFound`, and I/O errors of the store.
pub fn load(store: &Store, id: BackupId) -> Result<MetaState> {
    state_of(store, id, LoadedMeta::read(store, id, &layout::meta(id)))
}

/// The same, after others of the same repository: quicker, since most of their lines are the same.
///
/// # Errors
/// As [`load`].
pub fn load_with(reader: &mut MetaReader, store: &Store, id: BackupId) -> Result<MetaState> {
    let key = layout::meta(id);
    let loaded = match store.read(&key, WHOLE_BYTES) {
        Ok(bytes) => LoadedMeta::decode_with(reader, id, &bytes),
        // Among other things, it is larger.
        Err(error) if error.kind() == ErrorKind::Corrupt => LoadedMeta::read(store, id, &key),
        Err(error) => Err(error),
    };
    state_of(store, id, loaded)
}

/// What comes of reading a meta file.
fn state_of(store: &Store, id: BackupId, loaded: Result<LoadedMeta>) -> Result<MetaState> {
    match loaded {
        Ok(loaded) => Ok(MetaState::Readable(loaded)),
        Err(error) => match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported => Ok(MetaState::Unreadable(id, error)),
            ErrorKind::NotFound => {
                let location = store.location();
                Err(Error::not_found(format!("there is no backup {id} in {location}")))
            }
            _ => Err(error),
        },
    }
}
