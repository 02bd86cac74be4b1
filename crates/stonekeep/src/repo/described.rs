//! What a backup's own MANIFEST and OPTIONS file say of the database, for backups that we have no facts about.

use std::collections::BTreeMap;
use std::io::Read;

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, ManifestReader};
use stonekeep_format::options::OptionsFile;
use stonekeep_format::wal::{Replay, WalScanner};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::facts::BackupFacts;
use super::listed::{self, Listed};
use super::loaded_meta::LoadedMeta;
use super::{layout, record_text};
use crate::image::ImageColumnFamily;
use crate::store::{ObjectReader, Store};
use crate::{Error, ErrorKind, Finding, Result};

/// How much of a file is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What the files of a backup say of the database; whatever cannot be read is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The state of the database by the MANIFEST.
    pub state: Option<DatabaseState>,
    /// The RocksDB version that wrote the OPTIONS file.
    pub rocksdb_version: Option<String>,
}

impl Described {
    /// Reads the MANIFEST and the OPTIONS file of a backup.
    ///
    /// # Errors
    /// I/O errors of the store. Files that are missing or damaged describe nothing; a verification reports them.
    pub fn read(store: &Store, loaded: &LoadedMeta) -> Result<Self> {
        let options = harmless(options(store, loaded))?.flatten();
        Ok(Described {
            state: harmless(manifest(store, loaded))?.flatten(),
            rocksdb_version: options.and_then(|options| options.rocksdb_version().map(str::to_owned)),
        })
    }

    /// The database id, where the MANIFEST carries it.
    pub fn database_id(&self) -> Option<String> {
        let id = self.state.as_ref()?.db_id()?;
        Some(String::from_utf8_lossy(id).into_owned())
    }

    /// The column families.
    pub fn column_families(&self) -> Option<Vec<ImageColumnFamily>> {
        self.state.as_ref().map(ImageColumnFamily::all_of)
    }
}

/// The id of the database, where the MANIFEST of the backup can be read and carries it.
///
/// # Errors
/// I/O errors of the store.
pub fn database_id(store: &Store, loaded: &LoadedMeta) -> Result<Option<String>> {
    let described = Described {
        state: harmless(manifest(store, loaded))?.flatten(),
        rocksdb_version: None,
    };
    Ok(described.database_id())
}

/// The state of the database by the backup's own MANIFEST; `None` if the backup names none.
///
/// # Errors
/// `Corrupt` or `Unsupported` where it cannot be read, and I/O errors of the store.
pub fn manifest(store: &Store, loaded: &LoadedMeta) -> Result<Option<DatabaseState>> {
    read_manifest(store, loaded, ManifestReader::new())
}

/// The same with the smallest and the largest key of each table.
///
/// # Errors
/// As [`manifest`].
pub fn manifest_with_bounds(store: &Store, loaded: &LoadedMeta) -> Result<Option<DatabaseState>> {
    read_manifest(store, loaded, ManifestReader::new().with_bounds())
}

fn read_manifest(
    store: &Store,
    loaded: &LoadedMeta,
    mut reader: ManifestReader,
) -> Result<Option<DatabaseState>> {
    let Some(file) = find(loaded, |name| matches!(name, DbFileName::Manifest(_))) else {
        return Ok(None);
    };
    stream(store, file, |bytes| reader.push(bytes))?;
    let (state, _) = reader
        .finish()
        .map_err(|error| Error::format(file.path.to_string(), error))?;
    Ok(Some(state))
}

/// What is wrong with the list of a backup, by the MANIFEST in it. A MANIFEST that is not there says nothing.
///
/// # Errors
/// `Corrupt`, `Unsupported` or `NotFound` if the MANIFEST cannot be read, and I/O errors of the store.
pub fn check_list(
    store: &Store,
    loaded: &LoadedMeta,
    listed: &Listed<'_>,
    facts: Option<&BackupFacts>,
) -> Result<Vec<Finding>> {
    let Some(state) = manifest(store, loaded)? else {
        return Ok(Vec::new());
    };
    let wals_left_out = listed::wals_left_out(facts);
    Ok(listed::findings(loaded.id, &state, wals_left_out, listed))
}

/// Where the MANIFEST of a backup is, if it names one.
pub fn manifest_path(loaded: &LoadedMeta) -> Option<&RepoPath> {
    let file = find(loaded, |name| matches!(name, DbFileName::Manifest(_)));
    file.map(|file| &file.path)
}

/// The last sequence number that a database has which is opened from this backup: the MANIFEST's, or that of the last
/// batch in the WALs that it needs. `None` where files are missing or damaged, or leave more than one number.
///
/// # Errors
/// I/O errors of the store.
pub fn last_sequence(store: &Store, loaded: &LoadedMeta) -> Result<Option<SequenceNumber>> {
    let Some(state) = harmless(manifest(store, loaded))?.flatten() else {
        return Ok(None);
    };
    let needed =
        |number: &FileNumber| *number >= state.min_wal_to_keep() || state.tracked_wals().contains(*number);
    let wals: BTreeMap<FileNumber, &MetaFile> = loaded
        .meta
        .files
        .iter()
        .filter_map(|file| match file.path.restored_name() {
            DbFileName::Wal(number) => Some((number, file)),
            _ => None,
        })
        .filter(|(number, _)| needed(number))
        .collect();
    let mut last = state.last_sequence().unwrap_or_default();
    let mut replay = Replay::default();
    for (number, file) in wals {
        let mut scanner = WalScanner::new(number, &mut replay);
        if harmless(stream(store, file, |bytes| scanner.push(bytes)))?.is_none() {
            return Ok(None);
        }
        match scanner.finish().last_sequence {
            Some(bounds) if bounds.highest > last => match bounds.exact() {
                Some(exact) => last = exact,
                None => return Ok(None),
            },
            _ => {}
        }
    }
    Ok(Some(last))
}

/// Hands the bytes of a file to a parser, piece by piece, until the store is asked to stop.
fn stream(
    store: &Store,
    file: &MetaFile,
    mut parse: impl FnMut(&[u8]) -> stonekeep_format::Result<()>,
) -> Result<()> {
    let path = file.path.to_string();
    let object = store.open(&layout::file(&file.path)?)?;
    let mut source = ObjectReader::new(object.as_ref());
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        store.check_stop()?;
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                parse(buffer.get(..count).unwrap_or_default()).map_err(|error| Error::format(&path, error))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {path}"), error)),
        }
    }
}

fn options(store: &Store, loaded: &LoadedMeta) -> Result<Option<OptionsFile>> {
    let Some(file) = find(loaded, |name| matches!(name, DbFileName::Options(_))) else {
        return Ok(None);
    };
    let bytes = record_text::read_options(store, &layout::file(&file.path)?)?;
    OptionsFile::parse(&bytes)
        .map(Some)
        .map_err(|error| Error::format(file.path.to_string(), error))
}

fn find(loaded: &LoadedMeta, kind: impl Fn(&DbFileName) -> bool) -> Option<&MetaFile> {
    loaded
        .meta
        .files
        .iter()
        .find(|file| !file.excluded && kind(&file.path.restored_name()))
}

/// Files that are missing or damaged say nothing.
pub(crate) fn harmless<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::NotFound
            ) =>
        {
            tracing::debug!(reason = %error.one_line(), "a file of the backup describes nothing");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
