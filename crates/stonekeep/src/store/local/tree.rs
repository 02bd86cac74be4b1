//! The directories below a store's root, opened part by part so that no symbolic link is ever followed.
//!
//! The root's own path may lead through links: its owner chose it. What lies below may come from a stranger, so each
//! directory is opened relative to its parent's descriptor with `O_NOFOLLOW`, and nothing is opened before a look
//! at what it is: opening a FIFO can hang, and opening a device can do anything.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::store::Key;
use crate::{Error, IoContext, Result};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const CAREFULLY: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// As RocksDB makes its files and directories (env/fs_posix.cc); the umask takes away from it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);

/// The root and what lies below it.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

/// A name in an open directory, whether something stands there or not.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: OwnedFd,
    pub(super) name: String,
    /// For messages.
    pub(super) path: PathBuf,
    key: Key,
}

impl Tree {
    pub(super) fn new(root: PathBuf) -> Self {
        Tree { root }
    }

    pub(super) fn root_path(&self) -> &Path {
        &self.root
    }

    /// The path of a directory, for messages.
    pub(super) fn path(&self, key: Option<&Key>) -> PathBuf {
        key.map_or_else(|| self.root.clone(), |key| self.root.join(key.as_str()))
    }

    /// Opens the root, which must be there.
    pub(super) fn open_root(&self) -> Result<OwnedFd> {
        let missing = || Error::not_found(format!("{} is not there", self.root.display()));
        self.find(None)?.ok_or_else(missing)
    }

    /// Opens a directory; `None` if it or one above it is missing.
    pub(super) fn find(&self, directory: Option<&Key>) -> Result<Option<OwnedFd>> {
        let mut opened = match rustix::fs::openat(CWD, &self.root, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            root => root.context("opening", &self.root)?,
        };
        for part in parts(directory) {
            match open_part(&opened, part) {
                Ok(below) => opened = below,
                Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(None),
                Err(errno) => return Err(self.no_directory(directory, errno)),
            }
        }
        Ok(Some(opened))
    }

    /// Opens a directory, making it and those above it where they are missing; the root must be there.
    pub(super) fn make(&self, directory: Option<&Key>) -> Result<OwnedFd> {
        let mut opened = self.open_root()?;
        for part in parts(directory) {
            let below = match open_part(&opened, part) {
                Err(Errno::NOENT) => make_part(&opened, part),
                there => there,
            };
            opened = below.map_err(|errno| self.no_directory(directory, errno))?;
        }
        Ok(opened)
    }

    /// The place of a file; `None` if its directory is missing.
    pub(super) fn find_place(&self, key: &Key) -> Result<Option<Place>> {
        let directory = self.find(key.parent().as_ref())?;
        Ok(directory.map(|directory| self.place(directory, key)))
    }

    /// The place of a file, in a directory that is made where it is missing.
    pub(super) fn make_place(&self, key: &Key) -> Result<Place> {
        let directory = self.make(key.parent().as_ref())?;
        Ok(self.place(directory, key))
    }

    fn place(&self, directory: OwnedFd, key: &Key) -> Place {
        Place {
            directory,
            name: key.name().to_owned(),
            path: self.path(Some(key)),
            key: key.clone(),
        }
    }

    fn no_directory(&self, directory: Option<&Key>, errno: Errno) -> Error {
        let path = self.path(directory);
        match errno {
            Errno::NOTDIR | Errno::LOOP => Error::corrupt(
                path.display().to_string(),
                "a file or a symbolic link stands where a directory should be; links are not followed",
            ),
            errno => Error::io(format!("opening {}", path.display()), errno.into()),
        }
    }
}

impl Place {
    /// What stands there, if anything does.
    pub(super) fn look(&self) -> Result<Option<Stat>> {
        match rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            Err(errno) => Err(errno).context("looking at", &self.path),
        }
    }

    /// The regular file that stands there, if anything does; `Corrupt` if something else stands there.
    pub(super) fn look_at_file(&self) -> Result<Option<Stat>> {
        let found = self.look()?;
        if let Some(stat) = &found {
            self.require_regular(stat)?;
        }
        Ok(found)
    }

    /// Opens the regular file that stands there, if anything does.
    pub(super) fn open(&self, access: OFlags) -> Result<Option<File>> {
        if self.look_at_file()?.is_none() {
            return Ok(None);
        }
        let opened = rustix::fs::openat(&self.directory, &self.name, access | CAREFULLY, Mode::empty());
        match opened {
            Ok(opened) => self.checked(opened).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno).context("opening", &self.path),
        }
    }

    /// Makes a new file; `None` if something stands there.
    pub(super) fn create(&self) -> Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFULLY;
        match rustix::fs::openat(&self.directory, &self.name, flags, FILE_MODE) {
            Ok(opened) => Ok(Some(File::from(opened))),
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(errno).context("making", &self.path),
        }
    }

    /// Removes the name, unless a directory stands there; whether there was one.
    pub(super) fn unlink(&self) -> Result<bool> {
        match rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(false),
            Err(errno) => Err(errno).context("removing", &self.path),
        }
    }

    /// Whether the name still is this open file's.
    pub(super) fn is(&self, file: &File) -> Result<bool> {
        let open = rustix::fs::fstat(file).context("looking at", &self.path)?;
        let named = self.look()?;
        Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)))
    }

    fn checked(&self, opened: OwnedFd) -> Result<File> {
        let stat = rustix::fs::fstat(&opened).context("looking at", &self.path)?;
        self.require_regular(&stat)?;
        Ok(File::from(opened))
    }

    fn require_regular(&self, stat: &Stat) -> Result<()> {
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return Ok(()),
            FileType::Directory => "a directory",
            FileType::Symlink => "a symbolic link, which is not followed",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            _ => "a device",
        };
        Err(Error::corrupt(
            self.key.as_str(),
            format!("{what}, no regular file"),
        ))
    }
}

/// When a file was last changed.
pub(super) fn modified(stat: &Stat) -> Option<SystemTime> {
    let nanoseconds = Duration::from_nanos(stat.st_mtime_nsec);
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let whole = if stat.st_mtime < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    whole?.checked_add(nanoseconds)
}

/// A file's length, from its status.
pub(super) fn size_bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// Opens a directory in another one, never through a link.
pub(super) fn open_part(parent: impl AsFd, name: impl Arg) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
}

fn make_part(parent: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => open_part(parent, name),
        Err(errno) => Err(errno),
    }
}

fn parts(directory: Option<&Key>) -> impl Iterator<Item = &str> {
    directory.into_iter().flat_map(|key| key.as_str().split('/'))
}
