//! A database directory at rest as the source of an image: a closed database, or a checkpoint.
//!
//! # Steps
//! 1. The `LOCK`: held by anybody means a refusal.
//! 2. CURRENT, the MANIFEST that it names, and the state that this adds up to.
//! 3. The newest OPTIONS file, and by it the directory of the WALs.
//! 4. Tables and blobs by number and size; the needed WALs, opened, measured and read.
//! 5. Everything that was found wrong, at once.
//! 6. `LOCK`, CURRENT, MANIFEST and WALs once more: a change means that somebody opened the database meanwhile. The
//!    same look is [`Capture::confirm`], when all bytes have been copied.
//!
//! No lock is taken, nothing is written there. IDENTITY is a fact of the image, no file of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;

use super::at_rest::{AtRest, refuse_if_open};
use super::listing::Listing;
use super::live_files::LiveFiles;
use super::manifest::{Current, Manifest};
use super::options_file::Options;
use super::pinned::read_small;
use super::remarks::Remarks;
use super::wal_dir::WalDirChoice;
use super::wals::{Wals, is_needed};
use super::{Capture, CaptureHost, CaptureKind, Content, DatabaseImage, ImageColumnFamily, ImageSource};
use crate::{Error, Observer, Result};

/// An id takes less than this; anything longer is no IDENTITY.
const IDENTITY_LIMIT_BYTES: u64 = 4096;

/// A database that no process has open.
#[derive(Debug, Clone)]
pub struct ClosedDirectory {
    path: PathBuf,
    wal_dir: Option<PathBuf>,
    db_paths: Vec<PathBuf>,
}

impl ClosedDirectory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        ClosedDirectory {
            path: path.into(),
            wal_dir: None,
            db_paths: Vec::new(),
        }
    }

    /// Where its WALs are (`wal_dir`); otherwise OPTIONS is asked.
    pub fn with_wal_dir(mut self, wal_dir: Option<PathBuf>) -> Self {
        self.wal_dir = wal_dir;
        self
    }

    /// Further directories of its tables and blobs: those in `db_paths` and in the `cf_paths` of all column families,
    /// in any order. RocksDB writes them into no file. An image of several directories is flat: it restores into one.
    pub fn with_db_paths(mut self, db_paths: Vec<PathBuf>) -> Self {
        self.db_paths = db_paths;
        self
    }

    /// The directories of tables and blobs, each once, the database's own first.
    fn data_directories(&self, home: Listing) -> Result<Vec<Listing>> {
        let mut directories = vec![home];
        for path in &self.db_paths {
            let Some(listing) = Listing::of(path)? else {
                let message = format!(
                    "there is no directory {}, which was given as db_path",
                    path.display()
                );
                return Err(Error::not_found(message));
            };
            if directories.iter().all(|known| known.identity != listing.identity) {
                directories.push(listing);
            }
        }
        Ok(directories)
    }
}

impl ImageSource for ClosedDirectory {
    fn describe(&self) -> String {
        format!("the database in {}", self.path.display())
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }

    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>> {
        refuse_if_open(&self.path)?;
        let Some(current) = Current::read(&self.path)? else {
            return Err(no_database(&self.path));
        };
        let manifest = Manifest::read(&self.path, &current, observer)?;
        let survey = Survey::make(self, current, &manifest, observer)?;
        let capture = survey.into_capture(&manifest, observer)?;
        host.check_database(capture.image.database_id.as_deref())?;
        capture.confirm()?;
        Ok(Box::new(capture))
    }
}

/// Everything that was found beside the MANIFEST.
struct Survey<'a> {
    source: &'a ClosedDirectory,
    at_rest: AtRest,
    directories: Vec<Listing>,
    wal_directory: Option<Listing>,
    options: Option<Options>,
    live: LiveFiles,
    wals: Wals,
    remarks: Remarks,
}

impl<'a> Survey<'a> {
    fn make(
        source: &'a ClosedDirectory,
        current: Current,
        manifest: &Manifest,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let mut remarks = Remarks::default();
        let state = &manifest.state;
        let home = Listing::of(&source.path)?.ok_or_else(|| no_database(&source.path))?;
        let options = Options::newest(&home, &mut remarks, observer)?;
        let settings = options
            .as_ref()
            .map(|options| options.settings.clone())
            .unwrap_or_default();
        let choice = WalDirChoice {
            home: &home,
            given: source.wal_dir.as_deref(),
            in_options: settings.wal_dir.as_deref(),
            is_needed: &|number| is_needed(state, number),
        };
        let wal_directory = choice.choose(&mut remarks)?;
        let with_wals = wal_directory.as_ref().unwrap_or(&home);
        let at_rest = AtRest::new(&source.path, current, manifest.file.clone(), with_wals)?;
        let mut wals = Wals::open(state, with_wals)?;
        let directories = source.data_directories(home)?;
        let live = LiveFiles::find(state, &directories, &mut remarks)?;
        wals.read(&mut remarks, observer)?;
        wals.judge(state, &settings, &mut remarks);
        Ok(Survey {
            source,
            at_rest,
            directories,
            wal_directory,
            options,
            live,
            wals,
            remarks,
        })
    }

    fn into_capture(mut self, manifest: &Manifest, observer: &dyn Observer) -> Result<ClosedCapture> {
        let path = &self.source.path;
        let state = &manifest.state;
        let sequence_number = self.wals.last_sequence(state, &mut self.remarks);
        if self.live.any_elsewhere || manifest.names_further_paths() {
            let message = "its tables lie in several directories; the image is flat: what is restored from it opens \
                           without db_paths and cf_paths";
            self.remarks.warn(path, message);
        }
        let surplus = self.surplus(manifest);
        let database_id = database_id(path, manifest, &mut self.remarks)?;
        let warnings = self
            .remarks
            .into_warnings(path, self.live.any_absent.then_some(PATHS_HINT))?;

        let mut files = self.live.files;
        files.extend(manifest.image_files(observer)?);
        files.extend(self.options.as_ref().map(Options::image_file));
        files.extend(self.wals.image_files());
        let wal_directory = self.wal_directory.as_ref().map(|listing| listing.path.clone());
        let image = DatabaseImage {
            directory: path.clone(),
            database_id,
            database_id_in_manifest: state.db_id().is_some(),
            sequence_number,
            sequence_number_without_wals: state.last_sequence().unwrap_or_default(),
            column_families: ImageColumnFamily::all_of(state),
            rocksdb_version: self.options.and_then(|options| options.rocksdb_version),
            wal_dir: wal_directory,
            kind: CaptureKind::Closed,
            live: None,
            files,
            surplus,
            warnings,
        };
        Ok(ClosedCapture {
            image,
            at_rest: self.at_rest,
        })
    }

    /// The files that are no part of the image, nor of what RocksDB keeps beside a database.
    fn surplus(&self, manifest: &Manifest) -> Vec<PathBuf> {
        let live = self.live.files.iter().filter_map(|file| match &file.content {
            Content::Path(path) => Some(path.as_path()),
            _ => None,
        });
        let manifest = [manifest.file.path.as_path()];
        let used: HashSet<&Path> = live.chain(self.wals.paths()).chain(manifest).collect();
        let listings = self.directories.iter().chain(&self.wal_directory);
        let files = listings.flat_map(|listing| listing.files.iter().map(move |file| (listing, file)));
        let strange = files.filter(|(_, file)| !stands_beside(file.parsed.as_ref()));
        let paths = strange.map(|(listing, file)| listing.path_of(file));
        paths.filter(|path| !used.contains(path.as_path())).collect()
    }
}

/// RocksDB writes `db_paths` and `cf_paths` into no file.
const PATHS_HINT: &str = "if the database has db_paths or cf_paths, say which: RocksDB keeps them in no file";

/// Whether RocksDB keeps such a file beside a database, though it is not copied as it is.
fn stands_beside(name: Option<&DbFileName>) -> bool {
    matches!(
        name,
        Some(
            DbFileName::Current
                | DbFileName::Lock
                | DbFileName::Identity
                | DbFileName::InfoLog(_)
                | DbFileName::Options(_)
        )
    )
}

/// The id in the MANIFEST, else the one in IDENTITY, of which RocksDB takes away one newline at the end
/// (`DBImpl::GetDbIdentityFromIdentityFile`, `db/db_impl/db_impl.cc`).
fn database_id(database: &Path, manifest: &Manifest, remarks: &mut Remarks) -> Result<Option<String>> {
    let path = database.join(DbFileName::Identity.to_string());
    let bytes = match manifest.state.db_id() {
        Some(id) => id.to_vec(),
        None => match read_small(&path, IDENTITY_LIMIT_BYTES)? {
            None => return Ok(None),
            Some(bytes) => bytes.strip_suffix(b"\n").unwrap_or(&bytes).to_vec(),
        },
    };
    let id = String::from_utf8(bytes).ok();
    let id = id.filter(|id| !id.is_empty() && id.len() as u64 <= IDENTITY_LIMIT_BYTES);
    if id.is_none() {
        remarks.warn(&path, "the database id is no text; the image goes without one");
    }
    Ok(id)
}

/// Why a directory without CURRENT is not what was meant.
fn no_database(directory: &Path) -> Error {
    let path = directory.display();
    let home = match Listing::of(directory) {
        Ok(Some(home)) => home,
        Ok(None) => return Error::not_found(format!("there is no directory {path}")),
        Err(error) => return error,
    };
    let is_part = |name: &DbFileName| matches!(name, DbFileName::Manifest(_) | DbFileName::Table { .. });
    if home
        .files
        .iter()
        .any(|file| file.parsed.as_ref().is_some_and(is_part))
    {
        let file = directory.join(DbFileName::Current.to_string());
        return Error::corrupt(
            file.display().to_string(),
            "it is missing, though there is a database",
        );
    }
    let error = Error::not_found(format!(
        "there is no RocksDB database in {path}: it has no CURRENT"
    ));
    if directory.join("meta").is_dir() && directory.join("private").is_dir() {
        return error.with_hint("this looks like a backup repository; give the directory of the database");
    }
    match below(directory) {
        Some(database) => error.with_hint(format!("did you mean {}?", database.display())),
        None => error.with_hint("give the directory that holds CURRENT and MANIFEST-*"),
    }
}

/// A database in a sub-directory, if there is exactly one.
fn below(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut databases = paths.filter(|path| path.join(DbFileName::Current.to_string()).is_file());
    databases.next().filter(|_| databases.next().is_none())
}

/// The image of a database at rest.
#[derive(Debug)]
struct ClosedCapture {
    image: DatabaseImage,
    at_rest: AtRest,
}

impl Capture for ClosedCapture {
    fn image(&self) -> &DatabaseImage {
        &self.image
    }

    fn confirm(&self) -> Result<()> {
        self.at_rest.confirm()
    }
}
