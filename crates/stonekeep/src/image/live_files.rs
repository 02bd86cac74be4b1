//! Where the tables and blobs are that the MANIFEST names.
//!
//! They are looked for by number in the database's directory and in the further ones that were given (`db_paths`,
//! `cf_paths`), since those stand in no file of the database (`options/db_options.cc` leaves them out). A file counts
//! if it has the size of the MANIFEST: that of a table stands there, that of a blob file is the sum of header, records
//! and footer (`SharedBlobFileMetaData::GetBlobFileSize`, `db/blob/blob_file_meta.cc`).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::{DbFileName, TableExtension};
use stonekeep_format::manifest::{BlobFile, DatabaseState, NewFile};
use stonekeep_format::{Crc32c, Temperature};

use super::listing::{Listing, is_absent};
use super::remarks::Remarks;
use super::{Content, ImageFile, TableIdentity};
use crate::{IoContext, Result};

/// `FileChecksumGenCrc32c::Name` (`util/file_checksum_helper.h`).
const CRC32C_FUNCTION: &[u8] = b"FileChecksumCrc32c";

/// The live files, tables before blobs, each by number.
#[derive(Debug)]
pub(super) struct LiveFiles {
    /// Those that are there with the right size.
    pub(super) files: Vec<ImageFile>,
    /// Whether one of the others is nowhere.
    pub(super) any_absent: bool,
    /// Whether one lies in another directory than the database's.
    pub(super) any_elsewhere: bool,
}

impl LiveFiles {
    /// Finds the live files in these directories, of which the first is the database's own.
    pub(super) fn find(
        state: &DatabaseState,
        directories: &[Listing],
        remarks: &mut Remarks,
    ) -> Result<LiveFiles> {
        let mut found = LiveFiles {
            files: Vec::new(),
            any_absent: false,
            any_elsewhere: false,
        };
        let home = directories.first().map_or(Path::new(""), |home| &home.path);
        let places = Places::of(directories);
        for wanted in named_files(state, home) {
            let candidates = places.of_file(&wanted.name);
            let Some(path) = place_of(&wanted, candidates, home, remarks)? else {
                found.any_absent |= candidates.is_empty();
                continue;
            };
            found.any_elsewhere |= path.parent() != Some(home);
            found.files.push(ImageFile {
                content: Content::Path(path),
                ..wanted
            });
        }
        Ok(found)
    }
}

/// Where files of each name are.
struct Places(HashMap<DbFileName, Vec<PathBuf>>);

impl Places {
    fn of(directories: &[Listing]) -> Places {
        let mut places: HashMap<DbFileName, Vec<PathBuf>> = HashMap::new();
        for directory in directories {
            for file in &directory.files {
                if let Some(name @ (DbFileName::Table { .. } | DbFileName::Blob(_))) = &file.parsed {
                    places
                        .entry(name.clone())
                        .or_default()
                        .push(directory.path_of(file));
                }
            }
        }
        Places(places)
    }

    /// The places of a table or blob file. A `.ldb` stands for the table where no `.sst` is, as it does for RocksDB
    /// (`TableCache::GetTableReader`, `db/table_cache.cc`).
    fn of_file(&self, name: &DbFileName) -> &[PathBuf] {
        let found = self.0.get(name).or_else(|| match name {
            DbFileName::Table { number, .. } => self.0.get(&DbFileName::Table {
                number: *number,
                extension: TableExtension::Ldb,
            }),
            _ => None,
        });
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

/// All files that the MANIFEST names, in the image's order, as if they lay in this directory.
fn named_files(state: &DatabaseState, home: &Path) -> Vec<ImageFile> {
    let tables = state.live_tables().map(|table| named_table(table.file, home));
    let blobs = state.live_blobs().map(|blob| named_blob(blob.file, home));
    let mut files: Vec<ImageFile> = tables.chain(blobs).collect();
    sort(&mut files);
    files
}

/// Brings live files into the image's order: tables before blobs, each by number.
pub(super) fn sort(files: &mut [ImageFile]) {
    files.sort_by_key(|file| (file.table.is_none(), file.name.number()));
}

/// A table that the MANIFEST names, as if it lay in this directory.
pub(super) fn named_table(file: &NewFile, home: &Path) -> ImageFile {
    let function = file.file_checksum_func_name.as_deref().unwrap_or_default();
    let name = DbFileName::table(file.number);
    ImageFile {
        content: Content::Path(home.join(name.to_string())),
        name,
        size_bytes: file.size_bytes,
        table: Some(TableIdentity {
            number: file.number,
            unique_id: unique_id(file),
            smallest_seqno: file.smallest_seqno,
            largest_seqno: file.largest_seqno,
        }),
        crc32c: crc32c_of(function, file.file_checksum.as_deref().unwrap_or_default()),
        temperature: file.temperature,
    }
}

/// The unique id of a table, if it has one.
pub(super) fn unique_id(file: &NewFile) -> Option<[u8; 16]> {
    let unique_id = file.unique_id.filter(|id| !id.is_null());
    unique_id.map(|id| id.to_bytes())
}

/// A blob file that the MANIFEST names, as if it lay in this directory.
pub(super) fn named_blob(blob: &BlobFile, home: &Path) -> ImageFile {
    let addition = &blob.addition;
    let name = DbFileName::Blob(addition.number);
    ImageFile {
        content: Content::Path(home.join(name.to_string())),
        name,
        size_bytes: addition.file_size_bytes(),
        table: None,
        crc32c: crc32c_of(&addition.checksum_method, &addition.checksum_value),
        temperature: Temperature::Unknown,
    }
}

/// A file checksum of the MANIFEST, if it is a CRC-32C: four bytes, big-endian, not masked
/// (`FileChecksumGenCrc32c::Finalize`, `util/file_checksum_helper.h`).
fn crc32c_of(function: &[u8], checksum: &[u8]) -> Option<Crc32c> {
    let bytes: [u8; 4] = checksum.try_into().ok()?;
    (function == CRC32C_FUNCTION).then(|| Crc32c(u32::from_be_bytes(bytes)))
}

/// Which of the candidates is the file; if none is, that is a finding.
fn place_of(
    wanted: &ImageFile,
    candidates: &[PathBuf],
    home: &Path,
    remarks: &mut Remarks,
) -> Result<Option<PathBuf>> {
    let mut right = Vec::new();
    let mut wrong = Vec::new();
    for path in candidates {
        match size_of(path)? {
            Some(size) if size == wanted.size_bytes => right.push(path),
            Some(size) => wrong.push((path, size)),
            None => {}
        }
    }
    match (right.as_slice(), wrong.as_slice()) {
        ([path], _) => return Ok(Some((*path).clone())),
        ([], []) => {
            let path = home.join(wanted.name.to_string());
            remarks.find(&path, MISSING);
        }
        ([], wrong) => {
            for (path, size) in wrong {
                remarks.find(path, wrong_size(*size, wanted.size_bytes));
            }
        }
        ([path, other, ..], _) => {
            remarks.find(path, twice(other));
        }
    }
    Ok(None)
}

/// What is said of a file that is nowhere.
pub(super) const MISSING: &str = "it is missing, though the MANIFEST names it";

/// What is said of a file that has another size.
pub(super) fn wrong_size(size_bytes: u64, expected_bytes: u64) -> String {
    format!("{size_bytes} bytes, where the MANIFEST says {expected_bytes}")
}

/// What is said of a file that stands in another directory as well.
pub(super) fn twice(other: &Path) -> String {
    let other = other.display();
    format!("it stands in {other}, too; which of them is right cannot be told")
}

/// The length of the regular file that the path leads to; `None` if there is none now.
fn size_of(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).context("looking at", path),
    }
}
