//! The regular files that stand in one directory of a database.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;

use crate::{Error, IoContext, Result};

/// What a path leads to, whatever its name: the device and the inode.
pub(super) type FileIdentity = (u64, u64);

/// The identity in this metadata.
pub(super) fn identity_of(metadata: &Metadata) -> FileIdentity {
    (metadata.dev(), metadata.ino())
}

/// A directory and the files in it. Sub-directories are left out: a repository or an `archive/` may be among them.
#[derive(Debug)]
pub(super) struct Listing {
    /// The directory.
    pub(super) path: PathBuf,
    /// Which directory that is, however it is spelt.
    pub(super) identity: FileIdentity,
    /// Its files, in the order of their names.
    pub(super) files: Vec<ListedFile>,
}

/// A regular file, or a symbolic link to one, as RocksDB follows those.
#[derive(Debug)]
pub(super) struct ListedFile {
    /// Its name in the directory.
    pub(super) name: OsString,
    /// What RocksDB takes it for; `None` for a stranger, and for a number that is not written as RocksDB would: it
    /// finds files by composing their names.
    pub(super) parsed: Option<DbFileName>,
}

impl Listing {
    /// Lists a directory; `None` if it is not there or is no directory.
    pub(super) fn of(path: &Path) -> Result<Option<Listing>> {
        let Some(identity) = Listing::identity_of(path)? else {
            return Ok(None);
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).context("listing", path)? {
            let entry = entry.context("listing", path)?;
            if !leads_to_file(&entry)? {
                continue;
            }
            let name = entry.file_name();
            let parsed = name.to_str().and_then(DbFileName::parse);
            let parsed = parsed.filter(|parsed| name == parsed.to_string().as_str());
            files.push(ListedFile { name, parsed });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(Listing {
            path: path.to_owned(),
            identity,
            files,
        }))
    }

    /// Which directory the path leads to; `None` if there is none.
    pub(super) fn identity_of(path: &Path) -> Result<Option<FileIdentity>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(metadata.is_dir().then(|| identity_of(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error).context("looking at", path),
        }
    }

    /// The path of one of the files.
    pub(super) fn path_of(&self, file: &ListedFile) -> PathBuf {
        self.path.join(&file.name)
    }

    /// Whether a file of exactly this kind and number is there.
    pub(super) fn contains(&self, name: &DbFileName) -> bool {
        self.files.iter().any(|file| file.parsed.as_ref() == Some(name))
    }
}

/// The directories of tables and blobs, each once: the database's own, then these.
///
/// # Errors
/// `NotFound` if one of them is not there.
pub(super) fn data_directories(home: Listing, db_paths: &[PathBuf]) -> Result<Vec<Listing>> {
    let mut directories = vec![home];
    for path in db_paths {
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

/// Whether this failure says that nothing is there.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn leads_to_file(entry: &fs::DirEntry) -> Result<bool> {
    let path = entry.path();
    let kind = entry.file_type().context("looking at", &path)?;
    if !kind.is_symlink() {
        return Ok(kind.is_file());
    }
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error).context("following", &path),
    }
}
