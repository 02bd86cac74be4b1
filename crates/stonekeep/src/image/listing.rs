//! The regular files in one directory of a database.

use std::ffi::{CStr, OsStr, OsString};
use std::fmt::{self, Write as _};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use crate::directory_names::each_name;
use crate::{Error, IoContext, Result};

/// What a path leads to, whatever its name: the device and the inode.
pub(super) type FileIdentity = (u64, u64);

/// The identity in this metadata.
pub(super) fn identity_of(metadata: &Metadata) -> FileIdentity {
    (metadata.dev(), metadata.ino())
}

/// A directory and the files in it. Sub-directories are not entered: a repository or an `archive/` may be among them.
#[derive(Debug)]
pub(super) struct Listing {
    /// The directory.
    pub(super) path: PathBuf,
    /// Which directory that is, however it is spelt.
    pub(super) identity: FileIdentity,
    opened: File,
    /// Its files, in the order of their names.
    pub(super) files: Vec<ListedFile>,
    /// The names of everything else in it, in the same order: directories, links to nothing, sockets.
    pub(super) others: Vec<OsString>,
}

/// A regular file, or a symbolic link to one, as RocksDB follows those.
#[derive(Debug)]
pub(super) struct ListedFile {
    /// Its name in the directory.
    pub(super) name: OsString,
    /// What RocksDB takes it for; `None` for an unknown file, and for a number in another form than RocksDB's.
    pub(super) parsed: Option<DbFileName>,
}

impl ListedFile {
    fn named(name: &OsStr) -> Self {
        ListedFile {
            parsed: name.to_str().and_then(parse_as_written),
            name: name.to_owned(),
        }
    }
}

impl Listing {
    /// Lists a directory; `None` if it is not there or is no directory.
    pub(super) fn of(path: &Path) -> Result<Option<Listing>> {
        Listing::of_some(path, |_| true)
    }

    /// The same, with the files of such names only.
    pub(super) fn of_some(path: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Listing>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(opened) => File::from(opened),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(errno).context("opening", path),
        };
        let identity = identity_of(&opened.metadata().context("looking at", path)?);
        let (mut files, mut others) = (Vec::new(), Vec::new());
        let listed = each_name(&opened, |name, kind| {
            if !is_wanted(name.to_bytes()) {
                return Ok(());
            }
            let text = OsStr::from_bytes(name.to_bytes());
            if leads_to_file(&opened, name, kind)? {
                files.push(ListedFile::named(text))
            } else {
                others.push(text.to_owned())
            }
            Ok(())
        });
        listed.context("listing", path)?;
        files.sort_by(|a, b| a.name.cmp(&b.name));
        others.sort();
        Ok(Some(Listing {
            path: path.to_owned(),
            identity,
            opened,
            files,
            others,
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

    /// The length of the regular file that the name leads to; `None` if there is none now.
    pub(super) fn size_of(&self, name: &str) -> Result<Option<u64>> {
        match rustix::fs::statat(&self.opened, name, AtFlags::empty()) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                Ok(u64::try_from(stat.st_size).ok())
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno).context("looking at", &self.path.join(name)),
        }
    }

    /// Whether a path is somewhere inside this directory, though it may be a link that leads out of it.
    pub(super) fn is_above(&self, path: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        let Some(this) = real(&self.path) else {
            return false;
        };
        let ways = [real(path), path.parent().and_then(real)];
        ways.into_iter().flatten().any(|way| way.starts_with(&this))
    }

    /// The path of one of the files.
    pub(super) fn path_of(&self, file: &ListedFile) -> PathBuf {
        self.path.join(&file.name)
    }

    /// The numbers of its WALs.
    pub(super) fn wal_numbers(&self) -> impl Iterator<Item = FileNumber> + '_ {
        self.files.iter().filter_map(|file| match file.parsed {
            Some(DbFileName::Wal(number)) => Some(number),
            _ => None,
        })
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
            return Err(no_db_path(path));
        };
        if directories.iter().all(|known| known.identity != listing.identity) {
            directories.push(listing);
        }
    }
    Ok(directories)
}

/// The error about a `db_path` that does not exist.
pub(super) fn no_db_path(path: &Path) -> Error {
    let path = path.display();
    Error::not_found(format!(
        "there is no directory {path}, which was given as db_path"
    ))
}

/// Whether this failure means that nothing is there.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn leads_to_file(directory: &File, name: &CStr, kind: FileType) -> rustix::io::Result<bool> {
    match kind {
        FileType::RegularFile => Ok(true),
        FileType::Symlink | FileType::Unknown => {
            match rustix::fs::statat(directory, name, AtFlags::empty()) {
                Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
                Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
                Err(errno) => Err(errno),
            }
        }
        _ => Ok(false),
    }
}

/// What is left of a name that is compared with what something is shown as.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// What RocksDB takes a name for, if it would write that very name: it finds files by composing their names.
pub(super) fn parse_as_written(name: &str) -> Option<DbFileName> {
    let parsed = DbFileName::parse(name)?;
    let mut rest = Rest(name);
    let is_written_so = write!(rest, "{parsed}").is_ok() && rest.0.is_empty();
    is_written_so.then_some(parsed)
}
