//! Captures a database directory at rest: a closed database, or a checkpoint.
//!
//! # Steps
//! 1. The caller looks at the `LOCK`. If any process holds it, the database is not captured so.
//! 2. Read CURRENT, the MANIFEST that it names, and the state that the MANIFEST adds up to. List the directory meanwhile.
//! 3. Read the newest OPTIONS file, which also names the directory of the WALs. The image has the newest OPTIONS file with
//!    the column families of the MANIFEST.
//! 4. Find tables and blobs by number and size, those that are stored already by number alone. Open, measure and read the
//!    needed WALs. Add blob files that the MANIFEST does not name, if WALs or tables may point into them.
//! 5. Report everything that is wrong at once.
//!
//! [`Capture::confirm`] looks at `LOCK`, CURRENT, MANIFEST and WALs once more when all bytes have been copied: a change means
//! that a process opened the database meanwhile.
//!
//! The capture takes no lock and writes nothing into the directory. IDENTITY is a property of the image, not one of its files.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::CaptureOptions;

use super::assembly::Parts;
use super::at_rest::AtRest;
use super::diagnostics::Diagnostics;
use super::directory::{Directory, SourceKind};
use super::listing::{Listing, data_directories};
use super::live_files::LiveFiles;
use super::manifest::{Current, Manifest, database_id};
use super::no_database::no_database;
use super::opening_traces::was_opened;
use super::options_file::Options;
use super::torn_manifest::TornManifest;
use super::unknown_files;
use super::unnamed_blobs::UnnamedBlobs;
use super::wal_dir::{Usage, WalDirChoice};
use super::wal_scan::{Rules, ScannedWals, WalCut};
use super::wals_at_rest;
use super::{Capture, CaptureHost, CaptureKind, Content, DatabaseImage, ImageFile};
use crate::parallel::run_both;
use crate::{Observer, Result};

/// Captures a database that no process was seen to have open.
pub(super) fn capture(
    source: &Directory,
    host: &mut dyn CaptureHost,
    observer: &dyn Observer,
) -> Result<Box<dyn Capture>> {
    let Some(current) = Current::read(&source.path)? else {
        return Err(no_database(&source.path));
    };
    let read = || Manifest::read(&source.path, &current, observer);
    let (manifest, home) = run_both(host.workers(), read, || Listing::of(&source.path));
    let (manifest, home) = (manifest?, home?.ok_or_else(|| no_database(&source.path))?);
    let session = Session {
        source,
        observer,
        was_opened: was_opened(&home, &manifest.state)?,
        manifest,
        diagnostics: Diagnostics::default(),
    };
    Ok(Box::new(session.capture(current, home, host)?))
}

/// A capture under way.
struct Session<'a> {
    source: &'a Directory,
    observer: &'a dyn Observer,
    /// Whether the directory, or the one that it is a copy of, was opened as a database.
    was_opened: bool,
    manifest: Manifest,
    diagnostics: Diagnostics,
}

impl Session<'_> {
    /// Steps 3 to 5.
    fn capture(
        mut self,
        current: Current,
        home: Listing,
        host: &mut dyn CaptureHost,
    ) -> Result<ClosedCapture> {
        let path = &self.source.path;
        let unnamed_blobs = UnnamedBlobs::of(&self.manifest.state);
        let wanted = self.manifest.take_files(&Arc::from(path.as_path()));
        let database_id = database_id(path, &self.manifest.state, &mut self.diagnostics)?;
        host.check_database(database_id.as_deref())?;
        let state = &self.manifest.state;
        let found = Options::find(&home, state, &mut self.diagnostics, self.observer)?;
        let (settings, options) = found.unzip();
        let settings: CaptureOptions = settings.unwrap_or_default();
        if let Some(options) = &options {
            options.warn_unless_fits(state, &mut self.diagnostics);
        }
        let wal_directory = self.wal_directory(&home, &settings)?;
        let with_wals = wal_directory.as_ref().unwrap_or(&home);
        let at_rest = AtRest::new(self.source, current, self.manifest.file.clone(), with_wals)?;
        let wals = wals_at_rest::open(&self.manifest.state, with_wals)?;
        let with_wals = with_wals.path.clone();
        let directories = data_directories(home, &self.source.db_paths)?;
        let mut live_files = LiveFiles::find(wanted, &directories, host, &mut self.diagnostics)?;
        let rules = Rules {
            state: &self.manifest.state,
            settings: &settings,
            cut: WalCut::Nothing,
        };
        let wals = ScannedWals::scan(wals, &with_wals, &rules, &mut self.diagnostics, self.observer)?;
        wals_at_rest::judge(&wals, &rules, self.was_opened, &mut self.diagnostics);
        let unnamed_blobs =
            unnamed_blobs.and_of_wals(!settings.blob_direct_write.is_empty() && wals.have_data());
        let unnamed = unnamed_blobs.at_rest(&directories, &live_files.files, &mut self.diagnostics)?;
        live_files.files.extend(unnamed);
        self.judge_manifest(&wals, &directories)?;
        let listings: Vec<&Listing> = directories.iter().chain(&wal_directory).collect();
        let own_directories: Vec<PathBuf> = listings.iter().skip(1).map(|other| other.path.clone()).collect();
        let unknown = match directories.first() {
            Some(home) => unknown_files::list(home, &own_directories)?,
            None => Vec::new(),
        };
        self.diagnostics.hand_over_damage(host);
        let parts = Parts {
            directory: path,
            database_id,
            manifest: &self.manifest,
            options,
            surplus: surplus(&listings, &live_files.files, &wals, &self.manifest),
            live_files,
            wals,
            wal_dir: wal_directory.map(|listing| listing.path),
            kind: CaptureKind::Closed,
            live: None,
            unknown,
            own_directories,
            diagnostics: self.diagnostics,
        };
        let image = parts.into_image(self.observer)?;
        Ok(ClosedCapture { image, at_rest })
    }

    /// The directory of the WALs; `None` if that is the database's own.
    fn wal_directory(&mut self, home: &Listing, settings: &CaptureOptions) -> Result<Option<Listing>> {
        let choice = WalDirChoice {
            home,
            given: self.source.wal_dir.as_deref(),
            settings,
            state: &self.manifest.state,
            usage: match self.source.kind {
                SourceKind::Checkpoint => Usage::Checkpoint,
                _ => Usage::AtRest,
            },
            observer: self.observer,
        };
        choice.choose(&mut self.diagnostics)
    }

    /// Looks for writes that are in neither MANIFEST nor WALs.
    fn judge_manifest(&mut self, wals: &ScannedWals, directories: &[Listing]) -> Result<()> {
        let (manifest, last) = (&self.manifest, wals.last_sequence());
        if self.was_opened {
            wals.warn_of_writes_without(manifest, &self.source.path, &mut self.diagnostics);
        }
        if !manifest.is_torn {
            return Ok(());
        }
        let torn = TornManifest {
            manifest,
            directories,
            in_wals: wals.first_sequence().zip(last.map(|last| last.highest)),
            forced: self.source.forced,
        };
        torn.judge(&mut self.diagnostics)
    }
}

/// The files in these directories, the first of which is the database's own, that are neither part of the image nor files
/// that RocksDB keeps with a database.
fn surplus(
    listings: &[&Listing],
    live_files: &[ImageFile],
    wals: &ScannedWals,
    manifest: &Manifest,
) -> Vec<PathBuf> {
    let home = listings.first().map(|home| home.path.as_path());
    let (mut at_home, mut elsewhere) = (HashSet::new(), HashSet::new());
    for file in live_files {
        match &file.content {
            Content::In(_) => drop(at_home.insert(&file.name)),
            Content::Path(path) => drop(elsewhere.insert(path.as_path())),
            _ => {}
        }
    }
    elsewhere.extend(wals.paths());
    elsewhere.insert(manifest.file.path.as_path());
    let is_live_at_home =
        |listing: &Listing, name: &DbFileName| home == Some(listing.path.as_path()) && at_home.contains(name);
    let files = listings
        .iter()
        .flat_map(|listing| listing.files.iter().map(move |file| (listing, file)));
    let surplus = files.filter(|(listing, file)| match &file.parsed {
        Some(name) => !is_kept_by_rocksdb(name) && !is_live_at_home(listing, name),
        None => true,
    });
    let paths = surplus.map(|(listing, file)| listing.path_of(file));
    paths.filter(|path| !elsewhere.contains(path.as_path())).collect()
}

/// Whether RocksDB keeps such a file with a database, though it is not copied as it is.
fn is_kept_by_rocksdb(name: &DbFileName) -> bool {
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
