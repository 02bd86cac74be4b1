//! Puts an image together from what a source found.

use std::path::{Path, PathBuf};

use stonekeep_format::options::CaptureOptions;

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::live_files::LiveFiles;
use super::manifest::Manifest;
use super::options_file::Options;
use super::other_database;
use super::pinned::Pinned;
use super::unnamed_blobs::UnnamedBlobs;
use super::wal_rules::lowest_log_number;
use super::wal_scan::ScannedWals;
use super::{Capture, CaptureKind, DatabaseImage, ImageColumnFamily, LiveCapture};
use crate::{Observer, Result, WarningName};

/// RocksDB writes `db_paths` and `cf_paths` into no file.
pub(super) const PATHS_HINT: &str =
    "if the database has db_paths or cf_paths, say which: RocksDB keeps them in no file";

/// Everything that an image consists of.
pub(super) struct Parts<'a> {
    pub(super) directory: &'a Path,
    pub(super) database_id: Option<String>,
    pub(super) manifest: &'a Manifest,
    pub(super) options: Option<Options>,
    pub(super) live_files: LiveFiles,
    pub(super) wals: ScannedWals,
    /// The directory of the WALs, where it is not the database's own.
    pub(super) wal_dir: Option<PathBuf>,
    pub(super) kind: CaptureKind,
    pub(super) live: Option<LiveCapture>,
    /// Files with names of RocksDB's that belong to an older state of the database.
    pub(super) surplus: Vec<PathBuf>,
    /// What RocksDB does not know.
    pub(super) unknown: Vec<PathBuf>,
    pub(super) own_directories: Vec<PathBuf>,
    pub(super) diagnostics: Diagnostics,
}

impl Parts<'_> {
    /// The image, unless something was found that forbids it.
    ///
    /// # Errors
    /// `Corrupt` with everything that was found, and those of reading a MANIFEST that must be rewritten.
    pub(super) fn into_image(mut self, observer: &dyn Observer) -> Result<DatabaseImage> {
        let state = &self.manifest.state;
        if self.live_files.any_elsewhere || self.manifest.names_further_paths() {
            let message = "its tables lie in several directories; the image is flat: what is restored from it opens \
                           without db_paths and cf_paths";
            self.diagnostics
                .warn(WarningName::SeveralPaths, self.directory, message);
        }
        let engine = self.engine(observer)?;
        let sequence_number = self.wals.sequence_number(state, &mut self.diagnostics);
        let hint = self.live_files.any_absent.then_some(PATHS_HINT);
        let warnings = self.diagnostics.into_warnings(self.directory, hint)?;
        let mut files = self.live_files.files;
        files.extend(self.manifest.image_files(observer)?);
        files.extend(self.options.as_ref().map(Options::image_file));
        files.extend(self.wals.image_files());
        Ok(DatabaseImage {
            directory: self.directory.to_owned(),
            database_id: self.database_id,
            database_id_in_manifest: state.db_id().is_some(),
            sequence_number,
            prepared_transactions: self.wals.prepared_transactions(),
            lowest_log_number: lowest_log_number(state),
            sequence_number_without_wals: state.last_sequence().unwrap_or_default(),
            column_families: ImageColumnFamily::all_of(state),
            rocksdb_version: self.options.and_then(|options| options.rocksdb_version),
            engine: engine.map(str::to_owned),
            wal_dir: self.wal_dir,
            kind: self.kind,
            live: self.live,
            files,
            surplus: merged(self.surplus, &self.unknown),
            unknown: self.unknown,
            own_directories: self.own_directories,
            warnings,
        })
    }

    /// The engine that wrote the database, if that is a relative of RocksDB's.
    fn engine(&mut self, observer: &dyn Observer) -> Result<Option<&'static str>> {
        if let Some(options) = &self.options {
            return Ok(options.engine);
        }
        if !other_database::is_leveldb(self.manifest, observer)? {
            return Ok(None);
        }
        let message = "this is a LevelDB database: RocksDB opens what is restored from the backup, and LevelDB does as long as \
                       RocksDB has not opened it";
        self.diagnostics
            .warn(WarningName::LevelDb, self.directory, message);
        Ok(Some("LevelDB"))
    }
}

/// Both, in order, each path once.
fn merged(mut surplus: Vec<PathBuf>, unknown: &[PathBuf]) -> Vec<PathBuf> {
    surplus.extend_from_slice(unknown);
    surplus.sort();
    surplus.dedup();
    surplus
}

/// The image of a database that is being written, with the files that keep it readable.
#[derive(Debug)]
pub(super) struct HotCapture {
    image: DatabaseImage,
    /// The open files, each with the number of bytes that count.
    pins: Vec<Pinned>,
}

impl HotCapture {
    /// Puts the image together. `pins` are the open tables and blobs. Blob files in `data_paths` that the MANIFEST does not
    /// name become part of the image if tables, or WALs of a database with `settings`, may point into them.
    pub(super) fn new(
        mut parts: Parts<'_>,
        mut pins: Vec<Pinned>,
        settings: &CaptureOptions,
        data_paths: &[PathBuf],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let blobs = UnnamedBlobs::of(&parts.manifest.state);
        let blobs = blobs.and_of_wals(!settings.blob_direct_write.is_empty());
        let mut directories = Vec::new();
        if blobs.may_exist() {
            for path in data_paths {
                directories.extend(Listing::of(path)?);
            }
        }
        let named = &mut parts.live_files.files;
        let (unnamed, held) = blobs.held(&directories, named, &mut parts.diagnostics)?;
        named.extend(unnamed);
        pins.extend(held);
        pins.push(parts.manifest.file.with_size(parts.manifest.applied_bytes));
        pins.extend(parts.wals.pins());
        let image = parts.into_image(observer)?;
        Ok(HotCapture { image, pins })
    }
}

impl Capture for HotCapture {
    fn image(&self) -> &DatabaseImage {
        &self.image
    }

    fn confirm(&self) -> Result<()> {
        for pin in &self.pins {
            if pin.length()? < pin.size_bytes {
                return Err(pin.became_shorter());
            }
        }
        Ok(())
    }
}
