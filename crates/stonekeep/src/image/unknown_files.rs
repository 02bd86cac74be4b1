//! Files and directories in a database's directory that RocksDB does not know. The application may need them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;

use super::listing::{FileIdentity, Listing};
use crate::Result;

/// Directories that RocksDB keeps beside a database (`kArchivalDirName` in `file/filename.cc`, and `lost` of
/// `RepairDB`, `db/repair.cc`), that file systems make, and that restores use.
const KNOWN_DIRECTORIES: [&str; 4] = ["archive", "lost", "lost+found", ".stonekeep-restore"];

/// The mark of a backup that was opened in place.
const KNOWN_FILES: [&str; 1] = [".stonekeep-open"];

/// The files and directories in the database's own directory that RocksDB does not know. `own`: further directories of
/// the database, which may lie in there.
///
/// # Errors
/// I/O errors.
pub(super) fn list(home: &Listing, own: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let directories = Directories::of(own)?;
    let files = home.files.iter().filter(|file| file.parsed.is_none());
    let files = files.filter(|file| !is_known_file(&file.name));
    let mut unknown: Vec<PathBuf> = files.map(|file| home.path_of(file)).collect();
    for name in &home.others {
        let path = home.path.join(name);
        if !directories.know(&path, name)? {
            unknown.push(path);
        }
    }
    unknown.sort();
    Ok(unknown)
}

/// Whether a name directly in a database's directory is one that RocksDB takes for a file of its own, however it is
/// written: a file system may not distinguish upper and lower case.
pub(crate) fn is_rocksdb_name(name: &str) -> bool {
    let spellings = [
        name.to_owned(),
        name.to_ascii_uppercase(),
        name.to_ascii_lowercase(),
    ];
    spellings.iter().any(|name| DbFileName::parse(name).is_some())
}

/// Whether a name directly in a database's directory belongs to RocksDB, the file system or restores, as a file or as a
/// directory.
pub(crate) fn is_reserved_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let known = KNOWN_DIRECTORIES.iter().chain(&KNOWN_FILES);
    is_rocksdb_name(name) || known.into_iter().any(|known| *known == lower)
}

/// Whether a directory looks like a repository of backups. RocksDB's header recommends a place in the database's
/// directory (`include/rocksdb/utilities/backup_engine.h`).
pub(super) fn is_repository(directory: &Path) -> bool {
    directory.join("meta").is_dir() && directory.join("private").is_dir()
}

fn is_known_file(name: &OsStr) -> bool {
    let name = name.to_str();
    name.is_some_and(|name| DbFileName::parse(name).is_some() || KNOWN_FILES.contains(&name))
}

/// Directories that are not unknown.
pub(super) struct Directories(Vec<FileIdentity>);

impl Directories {
    /// With further directories of the database.
    pub(super) fn of(own: &[PathBuf]) -> Result<Self> {
        let mut identities = Vec::new();
        for path in own {
            identities.extend(Listing::identity_of(path)?);
        }
        Ok(Directories(identities))
    }

    /// Whether this path leads to one of them.
    pub(super) fn has(&self, path: &Path) -> Result<bool> {
        let identity = Listing::identity_of(path)?;
        Ok(identity.is_some_and(|identity| self.0.contains(&identity)))
    }

    /// Whether this name in the database's directory is one of them, or another directory that is not unknown.
    fn know(&self, path: &Path, name: &OsStr) -> Result<bool> {
        let is_known = name
            .to_str()
            .is_some_and(|name| KNOWN_DIRECTORIES.contains(&name));
        Ok(is_known || self.has(path)? || is_repository(path))
    }
}
