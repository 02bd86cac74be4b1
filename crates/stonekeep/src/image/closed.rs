//! A database directory at rest as the source of an image: a closed database, or a checkpoint.
//!
//! # Steps
//! 1. The `LOCK`: held by anybody means a refusal.
//! 2. CURRENT, the MANIFEST that it names, and the state that this adds up to; meanwhile the directory is listed.
//! 3. The newest OPTIONS file, and by it the directory of the WALs; of the image is the newest with the MANIFEST's column families.
//! 4. Tables and blobs by number and size, those that are stored by number alone; the needed WALs, opened, measured and read;
//!    the blob files that the MANIFEST does not name, if WALs or tables may point into them.
//! 5. Everything that was found wrong, at once.
//! 6. `LOCK`, CURRENT, MANIFEST and WALs once more: a change means that somebody opened the database meanwhile. The
//!    same look is [`Capture::confirm`], when all bytes have been copied.
//!
//! No lock is taken, nothing is written there. IDENTITY is a fact of the image, no file of it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::assembly::Parts;
use super::at_rest::{AtRest, refuse_if_open};
use super::database_id::database_id;
use super::diagnostics::Diagnostics;
use super::listing::{Listing, data_directories};
use super::live_files::LiveFiles;
use super::manifest::{Current, Manifest};
use super::no_database::no_database;
use super::opening_traces::was_opened;
use super::options_file::Options;
use super::other_database;
use super::torn_manifest::TornManifest;
use super::unknown_files;
use super::unnamed_blobs::UnnamedBlobs;
use super::wal_dir::{Usage, WalDirChoice};
use super::wal_scan::{Rules, ScannedWals, WalCut};
use super::wals_at_rest;
use super::without_wal;
use super::{Capture, CaptureHost, CaptureKind, Content, DatabaseImage, ImageSource};
use crate::parallel::run_both;
use crate::{Observer, Result};

/// A database that no process has open.
#[derive(Debug, Clone)]
pub struct ClosedDirectory {
    path: PathBuf,
    wal_dir: Option<PathBuf>,
    db_paths: Vec<PathBuf>,
    usage: Usage,
    forced: bool,
}

impl ClosedDirectory {
    /// The database in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        ClosedDirectory {
            path: path.into(),
            wal_dir: None,
            db_paths: Vec::new(),
            usage: Usage::AtRest,
            forced: false,
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

    /// Goes on, with a warning, where the MANIFEST has lost its end and complete tables that it does not name hold later writes:
    /// the image is what RocksDB would open, without these tables.
    pub fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    /// It is a checkpoint, whose WALs are in its own directory whatever OPTIONS says.
    pub fn as_checkpoint(mut self) -> Self {
        self.usage = Usage::Checkpoint;
        self
    }

    fn capture_at_rest(
        &self,
        host: &mut dyn CaptureHost,
        observer: &dyn Observer,
    ) -> Result<Box<dyn Capture>> {
        refuse_if_open(&self.path)?;
        let Some(current) = Current::read(&self.path)? else {
            return Err(no_database(&self.path));
        };
        let read = || Manifest::read(&self.path, &current, observer);
        let (manifest, home) = run_both(2, read, || Listing::of(&self.path));
        let (mut manifest, home) = (manifest?, home?.ok_or_else(|| no_database(&self.path))?);
        let survey = Survey::make(self, current, (&mut manifest, home), (host, observer))?;
        let capture = survey.into_capture(&manifest, observer)?;
        capture.confirm()?;
        Ok(Box::new(capture))
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
        let captured = self.capture_at_rest(host, observer);
        captured.map_err(|error| other_database::explain(&self.path, error))
    }
}

/// Everything that was found beside the MANIFEST.
struct Survey<'a> {
    source: &'a ClosedDirectory,
    database_id: Option<String>,
    at_rest: AtRest,
    directories: Vec<Listing>,
    wal_directory: Option<Listing>,
    options: Option<Options>,
    live: LiveFiles,
    wals: ScannedWals,
    diagnostics: Diagnostics,
}

impl<'a> Survey<'a> {
    fn make(
        source: &'a ClosedDirectory,
        current: Current,
        (manifest, home): (&mut Manifest, Listing),
        (host, observer): (&mut dyn CaptureHost, &dyn Observer),
    ) -> Result<Self> {
        let mut diagnostics = Diagnostics::default();
        let unnamed_blobs = UnnamedBlobs::of(&manifest.state);
        let wanted = manifest.take_files(&Arc::from(source.path.as_path()));
        let state = &manifest.state;
        let database_id = database_id(&source.path, state, &mut diagnostics)?;
        host.check_database(database_id.as_deref())?;
        let options = options_of(&home, &mut diagnostics, observer)?;
        let settings = options
            .as_ref()
            .map(|options| options.settings.clone())
            .unwrap_or_default();
        let options = fitting(options, state, &home, (&mut diagnostics, observer))?;
        let choice = WalDirChoice {
            home: &home,
            given: source.wal_dir.as_deref(),
            settings: &settings,
            state,
            usage: source.usage,
            observer,
        };
        let wal_directory = choice.choose(&mut diagnostics)?;
        let with_wals = wal_directory.as_ref().unwrap_or(&home);
        let was_opened = was_opened(&home, state)?;
        let at_rest = AtRest::new(&source.path, current, manifest.file.clone(), with_wals)?;
        let (wals, wals_are_in) = (wals_at_rest::open(state, with_wals)?, with_wals.path.clone());
        let directories = data_directories(home, &source.db_paths)?;
        let mut live = LiveFiles::find(wanted, &directories, host, &mut diagnostics)?;
        let rules = Rules {
            state,
            settings: &settings,
            cut: WalCut::Nothing,
        };
        let wals = ScannedWals::scan(wals, &wals_are_in, &rules, &mut diagnostics, observer)?;
        wals_at_rest::judge(&wals, state, &settings, was_opened, &mut diagnostics);
        let unnamed_blobs =
            unnamed_blobs.and_of_wals(!settings.blob_direct_write.is_empty() && wals.have_data());
        if unnamed_blobs.may_exist() {
            let unnamed = unnamed_blobs.at_rest(&directories, &live.files, &mut diagnostics)?;
            live.files.extend(unnamed);
        }
        if was_opened {
            without_wal::judge(manifest, wals.last_sequence(), &source.path, &mut diagnostics);
        }
        if manifest.is_torn {
            let torn = TornManifest {
                manifest,
                directories: &directories,
                in_wals: wals
                    .first_sequence()
                    .zip(wals.last_sequence().map(|last| last.highest)),
                forced: source.forced,
            };
            torn.judge(&mut diagnostics)?;
        }
        Ok(Survey {
            source,
            database_id,
            at_rest,
            directories,
            wal_directory,
            options,
            live,
            wals,
            diagnostics,
        })
    }

    fn into_capture(mut self, manifest: &Manifest, observer: &dyn Observer) -> Result<ClosedCapture> {
        let path = &self.source.path;
        let parts = Parts {
            directory: path,
            database_id: self.database_id.take(),
            manifest,
            wal_dir: self.wal_directory.as_ref().map(|listing| listing.path.clone()),
            kind: CaptureKind::Closed,
            live: None,
            surplus: self.surplus(manifest),
            unknown: self.unknown()?,
            own_directories: self.own_directories(),
            options: self.options,
            live_files: self.live,
            wals: self.wals,
            diagnostics: self.diagnostics,
        };
        Ok(ClosedCapture {
            image: parts.into_image(observer)?,
            at_rest: self.at_rest,
        })
    }

    /// Where the database lies, besides its own directory.
    fn own_directories(&self) -> Vec<PathBuf> {
        let data = self.directories.iter().skip(1);
        data.chain(&self.wal_directory)
            .map(|listing| listing.path.clone())
            .collect()
    }

    fn unknown(&self) -> Result<Vec<PathBuf>> {
        match self.directories.first() {
            Some(home) => unknown_files::list(home, &self.own_directories()),
            None => Ok(Vec::new()),
        }
    }

    /// The files that are no part of the image, nor of what RocksDB keeps beside a database.
    fn surplus(&self, manifest: &Manifest) -> Vec<PathBuf> {
        let (mut at_home, mut elsewhere) = (HashSet::new(), HashSet::new());
        for file in &self.live.files {
            match &file.content {
                Content::In(_) => drop(at_home.insert(&file.name)),
                Content::Path(path) => drop(elsewhere.insert(path.as_path())),
                _ => {}
            }
        }
        elsewhere.extend(self.wals.paths());
        elsewhere.insert(manifest.file.path.as_path());
        let is_live_at_home =
            |listing: &Listing, name: &DbFileName| listing.path == self.source.path && at_home.contains(name);
        let listings = self.directories.iter().chain(&self.wal_directory);
        let files = listings.flat_map(|listing| listing.files.iter().map(move |file| (listing, file)));
        let strange = files.filter(|(listing, file)| match &file.parsed {
            Some(name) => !stands_beside(name) && !is_live_at_home(listing, name),
            None => true,
        });
        let paths = strange.map(|(listing, file)| listing.path_of(file));
        paths.filter(|path| !elsewhere.contains(path.as_path())).collect()
    }
}

/// The newest OPTIONS file, or the one before where only that has the column families of the MANIFEST: the process may have
/// been killed before it wrote a new one.
fn fitting(
    newest: Option<Options>,
    state: &DatabaseState,
    home: &Listing,
    (diagnostics, observer): (&mut Diagnostics, &dyn Observer),
) -> Result<Option<Options>> {
    let Some(newest) = newest else { return Ok(None) };
    if newest.fits(state) {
        return Ok(Some(newest));
    }
    if let Some(older) = newest.older_that_fits(state, home, observer)? {
        return Ok(Some(older));
    }
    newest.warn_of_difference(state, diagnostics);
    Ok(Some(newest))
}

/// The newest OPTIONS of a database that is no relative's.
fn options_of(
    home: &Listing,
    diagnostics: &mut Diagnostics,
    observer: &dyn Observer,
) -> Result<Option<Options>> {
    other_database::refuse(home)?;
    let options = Options::newest(home, diagnostics, observer)?;
    if options.is_none() {
        other_database::refuse_by_options(home)?;
    }
    Ok(options)
}

/// Whether RocksDB keeps such a file beside a database, though it is not copied as it is.
fn stands_beside(name: &DbFileName) -> bool {
    matches!(
        name,
        DbFileName::Current
            | DbFileName::Lock
            | DbFileName::Identity
            | DbFileName::InfoLog(_)
            | DbFileName::Options(_)
    )
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
