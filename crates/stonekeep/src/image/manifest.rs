//! CURRENT, the MANIFEST that it names, and the state that this adds up to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::{LogScanner, LogWriter};
use stonekeep_format::manifest::{DatabaseState, ManifestReader, encode_current, parse_current, write_flat};
use stonekeep_format::{FileNumber, Temperature};

use super::diagnostics::Diagnostics;
use super::pinned::{Pinned, read_small};
use super::spool::Spool;
use super::{Content, ImageFile, live_files};
use crate::{Error, Observer, Result, WarningName};

/// A name takes less than this; anything longer is no CURRENT.
const CURRENT_LIMIT_BYTES: u64 = 4096;

/// An id takes less than this; anything longer is no IDENTITY.
const IDENTITY_LIMIT_BYTES: u64 = 4096;

/// A rewritten MANIFEST that is larger goes to a temporary file.
const FLAT_MANIFEST_IN_MEMORY_BYTES: u64 = 16 << 20;

/// CURRENT as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Current {
    /// Its path.
    pub(super) path: PathBuf,
    /// Its content.
    bytes: Vec<u8>,
}

impl Current {
    /// Reads it; `None` if there is none.
    pub(super) fn read(database: &Path) -> Result<Option<Current>> {
        let path = database.join(DbFileName::Current.to_string());
        let bytes = read_small(&path, CURRENT_LIMIT_BYTES)?;
        Ok(bytes.map(|bytes| Current { path, bytes }))
    }

    /// The number of the MANIFEST that it names.
    pub(super) fn manifest_number(&self) -> Result<FileNumber> {
        parse_current(&self.bytes).map_err(|error| {
            let unsupported = error.is_unsupported();
            let error = Error::format(self.path.display().to_string(), error);
            if unsupported {
                error.with_hint("databases with an encrypted or another custom Env are not supported")
            } else {
                error
            }
        })
    }
}

/// The MANIFEST, folded.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Its number.
    pub(super) number: FileNumber,
    /// The open file.
    pub(super) file: Pinned,
    /// What it adds up to.
    pub(super) state: DatabaseState,
    /// How many bytes of it count: up to its last complete record, and complete atomic group.
    pub(super) applied_bytes: u64,
    /// Whether an incomplete write follows them.
    pub(super) is_torn: bool,
    /// Of the tables that were taken out of the state, one lies in another path than the first.
    took_from_further_paths: bool,
}

impl Manifest {
    /// Reads the MANIFEST that CURRENT names.
    ///
    /// # Errors
    /// `Corrupt` if it is missing or damaged, `Unsupported` if a newer RocksDB wrote it.
    pub(super) fn read(database: &Path, current: &Current, observer: &dyn Observer) -> Result<Manifest> {
        let number = current.manifest_number()?;
        let path = database.join(DbFileName::Manifest(number).to_string());
        let mut manifest = Manifest::open(number, &path)?.ok_or_else(|| {
            Error::corrupt(
                path.display().to_string(),
                "it is missing, though CURRENT names it",
            )
        })?;
        manifest.read_on(observer)?;
        Ok(manifest)
    }

    /// Opens a MANIFEST, of which nothing is applied yet; `None` if it is not there.
    pub(super) fn open(number: FileNumber, path: &Path) -> Result<Option<Manifest>> {
        let file = Pinned::open(path)?;
        Ok(file.map(|file| Manifest {
            number,
            file,
            state: DatabaseState::default(),
            applied_bytes: 0,
            is_torn: false,
            took_from_further_paths: false,
        }))
    }

    /// Applies the edits that have become complete since it was read; gives their number. The manifest is unusable
    /// after an error.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged, `Unsupported` if a newer RocksDB wrote it.
    pub(super) fn read_on(&mut self, observer: &dyn Observer) -> Result<u64> {
        let length = self.file.length()?;
        self.read_to(length, observer)
    }

    /// The same for the edits that end before this offset.
    ///
    /// # Errors
    /// As [`Self::read_on`].
    pub(super) fn read_to(&mut self, end: u64, observer: &dyn Observer) -> Result<u64> {
        let name = self.file.path.display().to_string();
        let state = std::mem::take(&mut self.state);
        let mut reader = ManifestReader::resume(state, self.applied_bytes);
        self.file
            .read_on(self.applied_bytes, end, observer, &mut |piece| {
                reader
                    .push(piece)
                    .map_err(|error| Error::format(name.as_str(), error))
            })?;
        let edits = reader.applied_edits();
        let (state, end) = reader.finish().map_err(|error| Error::format(name, error))?;
        self.state = state;
        self.applied_bytes = end.applied_bytes;
        self.is_torn = end.is_torn;
        Ok(edits)
    }

    /// Whether it places a live table in another path than the first.
    pub(super) fn names_further_paths(&self) -> bool {
        self.took_from_further_paths || self.state.live_tables().any(|table| table.file.path_id != 0)
    }

    /// All tables and blobs that it names, in the image's order, as if they lay in this directory. The state, which is
    /// large, forgets them.
    pub(super) fn take_files(&mut self, home: &Arc<Path>) -> Vec<ImageFile> {
        self.took_from_further_paths = self.names_further_paths();
        live_files::take_files(&mut self.state, home)
    }

    /// The MANIFEST and CURRENT as files of the image; flat, if the MANIFEST names paths that the image has not.
    pub(super) fn image_files(&self, observer: &dyn Observer) -> Result<[ImageFile; 2]> {
        let (content, size_bytes) = if self.names_further_paths() {
            self.flat_content(observer)?
        } else {
            (self.file.content(), self.applied_bytes)
        };
        let current: Arc<[u8]> = encode_current(self.number).into();
        Ok([
            plain_file(DbFileName::Manifest(self.number), size_bytes, content),
            plain_file(DbFileName::Current, current.len() as u64, Content::Bytes(current)),
        ])
    }

    /// What counts of it, with every table on the first path; edits that name no other path keep their bytes.
    fn flat_content(&self, observer: &dyn Observer) -> Result<(Content, u64)> {
        let path = &self.file.path;
        let mut spool = Spool::of(path, FLAT_MANIFEST_IN_MEMORY_BYTES);
        let mut scanner = LogScanner::manifest();
        let mut writer = LogWriter::new();
        let counts = self.file.with_size(self.applied_bytes);
        counts.for_each_piece(observer, &mut |piece| {
            let scanned = scanner.push(piece, &mut |record| write_flat(&record, &mut writer));
            scanned.map_err(|error| Error::format(path.display().to_string(), error))?;
            spool.write(&writer.take_bytes())
        })?;
        let size_bytes = spool.size_bytes();
        Ok((spool.finish()?.content(size_bytes), size_bytes))
    }
}

/// A file of the image about which the MANIFEST says nothing.
pub(super) fn plain_file(name: DbFileName, size_bytes: u64, content: Content) -> ImageFile {
    ImageFile {
        name,
        size_bytes,
        content,
        in_manifest: false,
        table: None,
        crc32c: None,
        temperature: Temperature::Unknown,
    }
}

/// The id in the MANIFEST, else the one in IDENTITY, of which RocksDB takes away one newline at the end
/// (`DBImpl::GetDbIdentityFromIdentityFile`, `db/db_impl/db_impl.cc`).
pub(super) fn database_id(
    database: &Path,
    state: &DatabaseState,
    diagnostics: &mut Diagnostics,
) -> Result<Option<String>> {
    let path = database.join(DbFileName::Identity.to_string());
    let bytes = match state.db_id() {
        Some(id) => id.to_vec(),
        None => match read_small(&path, IDENTITY_LIMIT_BYTES)? {
            None => return Ok(None),
            Some(bytes) => bytes.strip_suffix(b"\n").unwrap_or(&bytes).to_vec(),
        },
    };
    let id = String::from_utf8(bytes).ok();
    let id = id.filter(|id| !id.is_empty() && id.len() as u64 <= IDENTITY_LIMIT_BYTES);
    if id.is_none() {
        diagnostics.warn(
            WarningName::DatabaseId,
            &path,
            "the database id is no text; the image goes without one",
        );
    }
    Ok(id)
}
