//! RocksDB's report of its live files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use super::live_files::{LiveFile, LiveFiles, Memtables};
use crate::image::listing::{Listing, no_db_path};
use crate::image::manifest::Manifest;
use crate::{Clock, Error, ErrorKind, Observer, Result};

/// One report.
#[derive(Debug)]
pub(super) struct Report {
    /// Where tables and blobs are.
    pub(super) places: HashMap<DbFileName, PathBuf>,
    /// The MANIFEST, which may be longer by now.
    pub(super) manifest: (FileNumber, LiveFile),
    /// The newest OPTIONS file.
    pub(super) options: Option<(FileNumber, LiveFile)>,
    /// WALs, which may be longer by now.
    pub(super) wals: BTreeMap<FileNumber, LiveFile>,
}

impl Report {
    /// Asks.
    ///
    /// # Errors
    /// Those of RocksDB; `Unsupported` if it names a file that is not known here.
    pub(super) fn of(files: &dyn LiveFiles, memtables: Memtables) -> Result<Report> {
        let (mut manifest, mut options) = (None, None);
        let (mut places, mut wals) = (HashMap::new(), BTreeMap::new());
        for file in files.live_files(memtables)? {
            let name = file.path.file_name().and_then(|name| name.to_str());
            match name.and_then(DbFileName::parse) {
                Some(DbFileName::Manifest(number)) => manifest = Some((number, file)),
                Some(DbFileName::Options(number)) => options = Some((number, file)),
                Some(DbFileName::Wal(number)) => drop(wals.insert(number, file)),
                Some(name) => drop(places.insert(name, file.path)),
                None => return Err(unknown(&file.path.display().to_string())),
            }
        }
        Ok(Report {
            places,
            manifest: manifest.ok_or_else(|| unknown("no MANIFEST"))?,
            options,
            wals,
        })
    }

    /// The directory of the WALs, if it is not the database's own.
    pub(super) fn wal_dir(&self, home: &Path) -> Result<Option<PathBuf>> {
        let directory = self.wals.values().find_map(|wal| wal.path.parent());
        match directory {
            Some(directory) if is_another(directory, home)? => Ok(Some(directory.to_owned())),
            _ => Ok(None),
        }
    }

    /// Where files of the database are, besides its own directory: where RocksDB reports them, and in these directories.
    ///
    /// # Errors
    /// `NotFound` if one of `db_paths` does not exist.
    pub(super) fn further_directories(&self, home: &Path, db_paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
        for path in db_paths {
            if Listing::identity_of(path)?.is_none() {
                return Err(no_db_path(path));
            }
        }
        let paths = self.places.values();
        let wals = self.wals.values().map(|wal| &wal.path);
        let reported = paths.chain(wals).filter_map(|path| path.parent());
        let directories: BTreeSet<&Path> = reported.chain(db_paths.iter().map(PathBuf::as_path)).collect();
        let mut further = Vec::new();
        for directory in directories {
            if is_another(directory, home)? {
                further.push(directory.to_owned());
            }
        }
        Ok(further)
    }

    /// Whether a table or blob lies in another directory than the database's own.
    pub(super) fn is_spread(&self, home: &Path) -> Result<bool> {
        let directories = self.places.values().filter_map(|path| path.parent());
        let directories: HashSet<&Path> = directories.collect();
        for directory in directories {
            if is_another(directory, home)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether these are two directories, not two spellings of one.
fn is_another(directory: &Path, home: &Path) -> Result<bool> {
    Ok(directory != home && Listing::identity_of(directory)? != Listing::identity_of(home)?)
}

fn unknown(what: &str) -> Error {
    let message = format!("RocksDB says that these are its files, but among them is {what}");
    Error::new(ErrorKind::Unsupported, message)
}

/// A MANIFEST that RocksDB names may be gone before it is opened, unless deletions are disabled.
const LOOKS: u32 = 10;

/// A report with the state in the MANIFEST that it names.
pub(super) struct Reported {
    pub(super) report: Report,
    /// The MANIFEST, up to the size that RocksDB reported.
    pub(super) manifest: Manifest,
}

/// What to ask RocksDB, and how.
#[derive(Clone, Copy)]
pub(super) struct Request<'s, 'a> {
    /// The database's directory.
    pub(super) directory: &'s Path,
    pub(super) files: &'s Arc<dyn LiveFiles + 'a>,
    /// Measures how long deletions are disabled.
    pub(super) clock: &'s Arc<dyn Clock>,
    /// Further directories that the caller knows of.
    pub(super) db_paths: &'s [PathBuf],
    /// Whether memtables may be flushed.
    pub(super) may_flush: bool,
    pub(super) observer: &'s dyn Observer,
}

impl Reported {
    /// Asks for the first time.
    ///
    /// # Errors
    /// Those of RocksDB; `Corrupt` if its MANIFEST is damaged.
    pub(super) fn first(request: Request<'_, '_>, memtables: Memtables) -> Result<Reported> {
        for _ in 0..LOOKS {
            if request.observer.should_stop() {
                return Err(Error::stopped());
            }
            if let Some(reported) = Reported::of(request.report(memtables)?, request.observer)? {
                return Ok(reported);
            }
        }
        let directory = request.directory.display();
        let message = format!("the MANIFEST of {directory} vanished at each attempt to open it");
        Err(Error::source_changed(message))
    }

    /// Asks again, and reads on.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub(super) fn again(&mut self, request: Request<'_, '_>) -> Result<()> {
        let report = request.report(Memtables::Keep)?;
        let (number, file) = &report.manifest;
        if *number == self.manifest.number {
            self.manifest.read_to(file.size_bytes, request.observer)?;
            self.report = report;
            return Ok(());
        }
        *self = match Reported::of(report, request.observer)? {
            Some(reported) => reported,
            None => Reported::first(request, Memtables::Keep)?,
        };
        Ok(())
    }

    /// This report; `None` if the MANIFEST that it names is gone.
    fn of(report: Report, observer: &dyn Observer) -> Result<Option<Reported>> {
        let (number, file) = &report.manifest;
        let Some(mut manifest) = Manifest::open(*number, &file.path)? else {
            return Ok(None);
        };
        manifest.read_to(file.size_bytes, observer)?;
        Ok(Some(Reported { report, manifest }))
    }
}

impl Request<'_, '_> {
    /// Some databases report their files only after a flush (`enable_blob_direct_write`).
    fn report(&self, memtables: Memtables) -> Result<Report> {
        let files = self.files.as_ref();
        match Report::of(files, memtables) {
            Err(error) if error.kind() == ErrorKind::Unsupported && memtables == Memtables::Keep => {
                if self.may_flush {
                    Report::of(files, Memtables::Flush)
                } else {
                    Err(error.with_hint("back up with flush_before_backup"))
                }
            }
            report => report,
        }
    }
}
