//! Opens what a follower reads: WALs, MANIFESTs and OPTIONS files, by their names.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use crate::Result;
use crate::image::hot::probe::Probes;
use crate::image::hot::wal_listing::WalListing;
use crate::image::listing::{Listing, parse_as_written};
use crate::image::no_database::no_database;
use crate::image::pinned::Pinned;

/// `kArchivalDirName` (`file/filename.cc`): below the directory of the WALs.
const ARCHIVE: &str = "archive";

/// A file that was found.
#[derive(Debug)]
pub(super) enum Find {
    /// A WAL, maybe in the archive by now.
    Wal(FileNumber, Pinned),
    /// A MANIFEST.
    Manifest(FileNumber, Pinned),
    /// An OPTIONS file.
    Options(FileNumber, Pinned),
    /// A WAL that was gone when it was to be opened.
    MissedWal(FileNumber),
    /// A MANIFEST that was gone when it was to be opened.
    MissedManifest,
    /// The system dropped events: the directories must be listed.
    EventsLost,
}

/// The directories of a database.
#[derive(Debug)]
pub(super) struct Directories {
    /// Its own.
    pub(super) home: PathBuf,
    /// That of its WALs, which may be the same.
    pub(super) wals: PathBuf,
}

impl Directories {
    /// Opens the file with this name in one of the two directories; `None` for a file that is not followed.
    ///
    /// # Errors
    /// `Io` if a file is there that cannot be opened.
    pub(super) fn open(&self, directory: &Path, name: &OsStr) -> Result<Option<Find>> {
        match name.to_str().and_then(parse_as_written) {
            Some(name) => self.open_parsed(directory, &name),
            None => Ok(None),
        }
    }

    fn open_parsed(&self, directory: &Path, name: &DbFileName) -> Result<Option<Find>> {
        let path = directory.join(name.to_string());
        Ok(match *name {
            DbFileName::Wal(number) if directory == self.wals => Some(self.open_wal(number)?),
            DbFileName::Manifest(number) if directory == self.home => Some(match Pinned::open(&path)? {
                Some(file) => Find::Manifest(number, file),
                None => Find::MissedManifest,
            }),
            // RocksDB keeps two; the one that replaces it comes as well.
            DbFileName::Options(number) if directory == self.home => {
                Pinned::open(&path)?.map(|file| Find::Options(number, file))
            }
            _ => None,
        })
    }

    fn open_wal(&self, number: FileNumber) -> Result<Find> {
        let name = DbFileName::Wal(number).to_string();
        for directory in [self.wals.clone(), self.wals.join(ARCHIVE)] {
            if let Some(file) = Pinned::open(&directory.join(&name))? {
                return Ok(Find::Wal(number, file));
            }
        }
        Ok(Find::MissedWal(number))
    }

    /// Lists the directories and opens what `is_wanted`, and the archived WALs from `first` on, if that is given. Of the WALs that are made
    /// while it lists, it leaves out the newer ones.
    ///
    /// # Errors
    /// `NotFound` if a directory is not there, `Io`.
    pub(super) fn list(
        &self,
        first_archived: Option<FileNumber>,
        is_wanted: &dyn Fn(&DbFileName) -> bool,
    ) -> Result<Vec<Find>> {
        let home = Listing::of_some(&self.home, |name| {
            name.starts_with(b"MANIFEST-") || name.starts_with(b"OPTIONS-")
        })?;
        let home = home.ok_or_else(|| no_database(&self.home))?;
        let mut finds = Vec::new();
        for name in home.files.iter().filter_map(|file| file.parsed.as_ref()) {
            if is_wanted(name) {
                finds.extend(self.open_parsed(&self.home, name)?);
            }
        }
        let listing = WalListing::of(&self.wals, &Probes::default())?;
        for number in listing.numbers {
            if is_wanted(&DbFileName::Wal(number)) {
                finds.push(self.open_wal(number)?);
            }
        }
        if let (Some(first), Some(ceiling)) = (first_archived, listing.ceiling) {
            finds.extend(self.archived(first, ceiling)?);
        }
        Ok(finds)
    }

    /// Opens the archived WALs with these numbers.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn archived(&self, first: FileNumber, last: FileNumber) -> Result<Vec<Find>> {
        let archive = self.wals.join(ARCHIVE);
        let Some(listing) = Listing::of_some(&archive, |name| name.ends_with(b".log"))? else {
            return Ok(Vec::new());
        };
        let mut finds = Vec::new();
        for number in listing
            .wal_numbers()
            .filter(|number| (first..=last).contains(number))
        {
            let opened = Pinned::open(&archive.join(DbFileName::Wal(number).to_string()))?;
            finds.extend(opened.map(|file| Find::Wal(number, file)));
        }
        Ok(finds)
    }
}
