//! RocksDB's report of its live files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use super::live_file::{LiveFile, LiveFiles, Memtables};
use crate::image::listing::{Listing, no_db_path};
use crate::{Error, ErrorKind, Result};

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
