//! A name in a directory below a store's root.
//!
//! Opening never waits for anybody (`O_NONBLOCK`, or a FIFO would hang) and follows no link, and what has been opened is
//! used only if it is a regular file.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::directory::{Directory, path_of};
use super::making::{FILE_MODE, Making};
use crate::Key;
use crate::shortage::Shortage;
use crate::{Error, Result};

const CAREFULLY: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A name in an open directory, whether something stands there or not.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) directory: Arc<Directory>,
    /// The path of the root, for messages.
    root: Arc<Path>,
    /// Owner and mode of new files, in a repository.
    making: Option<Arc<Making>>,
    key: Key,
}

impl Place {
    pub(crate) fn new(
        directory: Arc<Directory>,
        root: Arc<Path>,
        making: Option<Arc<Making>>,
        key: Key,
    ) -> Self {
        Place {
            directory,
            root,
            making,
            key,
        }
    }

    /// The name in its directory.
    pub(crate) fn name(&self) -> &str {
        self.key.name()
    }

    /// The whole path, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        path_of(&self.root, Some(self.key.as_str()))
    }

    /// The error for what was tried here and failed.
    pub(crate) fn failed(&self, doing: &str, errno: Errno) -> Error {
        let (path, error) = (self.path(), io::Error::from(errno));
        match Shortage::of(error.kind(), &*self.directory) {
            Some(shortage) => Error::io(shortage.at(path.display()), error).with_shortage(shortage),
            None => Error::io(format!("{doing} {}", path.display()), error),
        }
    }

    /// What stands there, if anything does.
    pub(crate) fn look(&self) -> Result<Option<Stat>> {
        match rustix::fs::statat(&*self.directory, self.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            Err(errno) => Err(self.failed("looking at", errno)),
        }
    }

    /// The regular file that stands there, if anything does; `Corrupt` if something else stands there.
    pub(crate) fn look_at_file(&self) -> Result<Option<Stat>> {
        let found = self.look()?;
        if let Some(stat) = &found {
            self.require_regular(stat)?;
        }
        Ok(found)
    }

    /// Opens the regular file that stands there, if anything does.
    pub(crate) fn open(&self, access: OFlags) -> Result<Option<File>> {
        Ok(self.open_and_look(access)?.map(|(file, _)| file))
    }

    /// The same, with the status of the opened file.
    pub(crate) fn open_and_look(&self, access: OFlags) -> Result<Option<(File, Stat)>> {
        let opened = rustix::fs::openat(&*self.directory, self.name(), access | CAREFULLY, Mode::empty());
        match opened {
            Ok(opened) => self.checked(opened).map(Some),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(None),
            // A link, or a socket.
            Err(errno) => match self.look_at_file()? {
                Some(_) => Err(self.failed("opening", errno)),
                None => Ok(None),
            },
        }
    }

    /// Makes a new file; `None` if something stands there.
    pub(crate) fn create(&self) -> Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFULLY;
        let making = self.making.as_deref();
        let mode = making.map_or(Mode::from_raw_mode(FILE_MODE), Making::file_mode);
        match rustix::fs::openat(&*self.directory, self.name(), flags, mode) {
            Ok(opened) => {
                if let Some(making) = making {
                    making.hand_over(&opened);
                }
                Ok(Some(File::from(opened)))
            }
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(self.failed("making", errno)),
        }
    }

    /// Gives the file a second name. `EXIST` if that is taken.
    pub(crate) fn link_to(&self, to: &Place) -> rustix::io::Result<()> {
        rustix::fs::linkat(
            &*self.directory,
            self.name(),
            &*to.directory,
            to.name(),
            AtFlags::empty(),
        )
    }

    /// Removes the name, unless it is that of a directory, and returns whether it existed.
    pub(crate) fn unlink(&self) -> Result<bool> {
        match rustix::fs::unlinkat(&*self.directory, self.name(), AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(false),
            Err(errno) => Err(self.failed("removing", errno)),
        }
    }

    /// Whether the name still is this open file's.
    pub(crate) fn is(&self, file: &File) -> Result<bool> {
        let open = rustix::fs::fstat(file).map_err(|errno| self.failed("looking at", errno))?;
        let named = self.look()?;
        Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)))
    }

    /// Whether both are names of one file.
    pub(crate) fn is_one_with(&self, other: &Place) -> Result<bool> {
        let (one, other) = (self.look()?, other.look()?);
        let both = one.zip(other);
        Ok(both.is_some_and(|(one, other)| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)))
    }

    fn checked(&self, opened: OwnedFd) -> Result<(File, Stat)> {
        let stat = rustix::fs::fstat(&opened).map_err(|errno| self.failed("looking at", errno))?;
        self.require_regular(&stat)?;
        Ok((File::from(opened), stat))
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
