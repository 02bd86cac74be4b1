//! Finds the tables and blobs that the MANIFEST names.
//!
//! They are looked up by number in the database's directory and in the further ones that the caller gave (`db_paths`,
//! `cf_paths`), since no file of the database has those (`options/db_options.cc` leaves them out). A file counts if it has
//! the size in the MANIFEST. The MANIFEST has the size of a table; that of a blob file is the sum of header, records and
//! footer (`SharedBlobFileMetaData::GetBlobFileSize`, `db/blob/blob_file_meta.cc`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stonekeep_format::file_name::{DbFileName, TableExtension};
use stonekeep_format::manifest::{BlobFile, DatabaseState, TableFile, TableIdentity};
use stonekeep_format::{Crc32c, Temperature};

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::{CaptureHost, Content, ImageFile};
use crate::Result;
use crate::parallel::run_bounded;

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
    /// Finds files that the MANIFEST names in these directories, of which the first is the database's own. Of those that the host does
    /// not need, only the names are looked for.
    pub(super) fn find(
        wanted: Vec<ImageFile>,
        directories: &[Listing],
        host: &mut dyn CaptureHost,
        diagnostics: &mut Diagnostics,
    ) -> Result<LiveFiles> {
        let home = directories.first().map_or(Path::new(""), |home| &home.path);
        let places = Places::of(directories);
        let mut needed = host.needed(&wanted)?;
        needed.resize(wanted.len(), true);
        let parts = wanted.chunks(LOOKS).zip(needed.chunks(LOOKS)).collect();
        let looked = run_bounded(LOOKERS.min(host.workers()), parts, |(files, needed)| {
            places.look(files, needed, home)
        })?;
        let mut found = LiveFiles {
            files: wanted,
            any_absent: false,
            any_elsewhere: false,
        };
        let mut places = Vec::with_capacity(needed.len());
        for place in looked.into_iter().flatten() {
            if let Err(missing) = &place {
                found.any_absent |= missing.is_absent;
                diagnostics.add_finding(&missing.path, missing.reason.as_str());
            }
            places.push(place.ok());
        }
        let (mut places, any_elsewhere) = (places.into_iter(), &mut found.any_elsewhere);
        // In their place: of a large database there are many.
        found.files.retain_mut(|wanted| {
            let Some(place) = places.next().flatten() else {
                return false;
            };
            let is_at_home = place.directory.path == home;
            *any_elsewhere |= !is_at_home;
            if !is_at_home || *place.name != wanted.name {
                wanted.content = Content::Path(place.path());
            }
            true
        });
        Ok(found)
    }
}

/// How many files are looked up one after another, and how many such parts at the same time: more than there are
/// processors, since each look-up may wait for a disk or a server.
const LOOKS: usize = 1024;
const LOOKERS: usize = 4;

/// A table or blob in one of the directories.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a DbFileName,
    directory: &'a Listing,
}

impl Place<'_> {
    fn path(&self) -> PathBuf {
        self.directory.path.join(self.name.to_string())
    }
}

/// Where a file is, or why it cannot be taken.
type Found<'a> = std::result::Result<Place<'a>, Box<Missing>>;

/// Where files of each name are, by name.
struct Places<'a>(Vec<Place<'a>>);

impl<'a> Places<'a> {
    fn of(directories: &'a [Listing]) -> Self {
        let mut places = Vec::new();
        for directory in directories {
            let names = directory.files.iter().filter_map(|file| file.parsed.as_ref());
            let names = names.filter(|name| matches!(name, DbFileName::Table { .. } | DbFileName::Blob(_)));
            places.extend(names.map(|name| Place { name, directory }));
        }
        places.sort_by_key(|place| place.name);
        Places(places)
    }

    /// Looks for these files; only by name for those that are not needed.
    fn look(&self, files: &[ImageFile], needed: &[bool], home: &Path) -> Result<Vec<Found<'a>>> {
        let mut places = Vec::with_capacity(files.len());
        for (file, needed) in files.iter().zip(needed) {
            let candidates = self.of_file(&file.name);
            if let ([only], false) = (candidates, *needed) {
                places.push(Ok(*only));
                continue;
            }
            let mut found = Vec::with_capacity(candidates.len());
            for place in candidates {
                let size = place.directory.size_of(&place.name.to_string())?;
                found.extend(size.map(|size| (*place, size)));
            }
            places.push(choose(file, home, &found, |place| place.path()).map_err(Box::new));
        }
        Ok(places)
    }

    /// The places of a table or blob file. Where there is no `.sst`, an `.ldb` is the table, as for RocksDB
    /// (`TableCache::GetTableReader`, `db/table_cache.cc`).
    fn of_file(&self, name: &DbFileName) -> &[Place<'a>] {
        match (self.of_name(name), name) {
            ([], DbFileName::Table { number, .. }) => self.of_name(&DbFileName::Table {
                number: *number,
                extension: TableExtension::Ldb,
            }),
            (found, _) => found,
        }
    }

    fn of_name(&self, name: &DbFileName) -> &[Place<'a>] {
        let from = self.0.partition_point(|place| place.name < name);
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.partition_point(|place| place.name == name);
        rest.get(..count).unwrap_or_default()
    }
}

/// How many other files an image has beside them, usually.
const BESIDE: usize = 16;

/// All files that the MANIFEST names, in the image's order, as if they lay in this directory. The state, which is large,
/// loses them one by one.
pub(super) fn take_files(state: &mut DatabaseState, home: &Arc<Path>) -> Vec<ImageFile> {
    let blobs: Vec<ImageFile> = state
        .live_blobs()
        .map(|blob| named_blob(blob.file, home))
        .collect();
    let mut files = Vec::with_capacity(state.live_tables().count() + blobs.len() + BESIDE);
    files.extend(state.take_tables().map(|table| named_table(&table, home)));
    files.extend(blobs);
    sort(&mut files);
    files
}

/// Brings live files into the image's order: tables before blobs, each by number.
pub(super) fn sort(files: &mut [ImageFile]) {
    files.sort_unstable_by_key(|file| (file.table.is_none(), file.name.number()));
}

/// A table that the MANIFEST names, as if it lay in this directory.
pub(super) fn named_table(file: &TableFile, home: &Arc<Path>) -> ImageFile {
    let name = DbFileName::table(file.number);
    ImageFile {
        content: Content::In(Arc::clone(home)),
        name,
        size_bytes: file.size_bytes,
        in_manifest: true,
        table: Some(TableIdentity::of(file)),
        crc32c: file
            .checksum
            .as_ref()
            .and_then(|checksum| crc32c_of(&checksum.function, &checksum.value)),
        temperature: file.temperature,
    }
}

/// A blob file that the MANIFEST names, as if it lay in this directory.
pub(super) fn named_blob(blob: &BlobFile, home: &Arc<Path>) -> ImageFile {
    let addition = &blob.addition;
    let name = DbFileName::Blob(addition.number);
    ImageFile {
        content: Content::In(Arc::clone(home)),
        name,
        size_bytes: addition.file_size_bytes(),
        in_manifest: true,
        table: None,
        crc32c: crc32c_of(&addition.checksum_method, &addition.checksum_value),
        temperature: Temperature::Unknown,
    }
}

/// A file checksum of the MANIFEST, if it is a CRC-32C: four bytes, big-endian, not masked
/// (`FileChecksumGenCrc32c::Finalize`, `util/file_checksum_helper.h`).
pub(crate) fn crc32c_of(function: &[u8], checksum: &[u8]) -> Option<Crc32c> {
    let bytes: [u8; 4] = checksum.try_into().ok()?;
    (function == CRC32C_FUNCTION).then(|| Crc32c(u32::from_be_bytes(bytes)))
}

/// Why a file that the MANIFEST names cannot be taken.
#[derive(Debug)]
pub(super) struct Missing {
    /// The path that the finding is about.
    pub(super) path: PathBuf,
    /// What is wrong there.
    pub(super) reason: String,
    /// Whether no file has its name.
    pub(super) is_absent: bool,
}

/// What has the name of a file and is none.
fn in_its_place(path: &Path) -> Option<&'static str> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Some("it is a directory"),
        Ok(metadata) if !metadata.is_file() => Some("it is no regular file"),
        Ok(_) => None,
        Err(_) => fs::symlink_metadata(path).ok().map(|_| "it is a link to nothing"),
    }
}

/// Which of the files with the name of a live file is the one with the size in the MANIFEST; `path_of` has their paths.
pub(super) fn choose<T: Copy>(
    wanted: &ImageFile,
    home: &Path,
    found: &[(T, u64)],
    path_of: impl Fn(T) -> PathBuf,
) -> std::result::Result<T, Missing> {
    let right: Vec<T> = found
        .iter()
        .filter(|(_, size)| *size == wanted.size_bytes)
        .map(|(place, _)| *place)
        .collect();
    let mut is_absent = false;
    let (path, reason) = match (right.as_slice(), found.first()) {
        ([place], _) => return Ok(*place),
        ([place, other, ..], _) => {
            let other = path_of(*other);
            let other = other.display();
            let reason = format!("it is in {other}, too; which of them is right is not known");
            (path_of(*place), reason)
        }
        ([], Some((place, size))) => {
            let expected = wanted.size_bytes;
            let reason = format!("{size} bytes, where the MANIFEST says {expected}");
            (path_of(*place), reason)
        }
        ([], None) => {
            let path = home.join(wanted.name.to_string());
            let in_its_place = in_its_place(&path);
            is_absent = in_its_place.is_none();
            let reason = in_its_place.unwrap_or("it is missing");
            (path, format!("{reason}, though the MANIFEST names it"))
        }
    };
    Err(Missing {
        path,
        reason,
        is_absent,
    })
}
