//! Lock files at a target: RocksDB's `LOCK`, and the one in a staging directory.
//!
//! RocksDB holds a POSIX write lock on `LOCK` while a database is open (`PosixFileSystem::LockFile` in env/fs_posix.cc).
//! Such a lock belongs to the process, and is lost when the process closes any descriptor of the file. Where there is no
//! `LOCK` one is made, and it stays, also in a directory that was made for a restore that failed. RocksDB opens `LOCK`, then locks it,
//! and does not look whether the name still leads to the file that it has locked: whoever opened it before it was removed would lock
//! nobody out, while another process makes and locks a new one. The lock in a staging directory is looked at again, so it can be removed.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::disk::{TargetDisk, open_directory};
use super::path::TargetPath;
use crate::{Error, ErrorKind, IoContext, Result};

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct LockFile(File);

impl LockFile {
    /// Releases a lock of [`lock_staging`]. Closing alone would leave it to a child that another thread has just forked,
    /// until that runs its program.
    pub(crate) fn release(self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::debug!(%error, "a lock is released by closing it");
        }
    }
}

/// Locks a file as RocksDB does; `None` if another process has locked it.
///
/// # Errors
/// `Unsupported` where the file system has no locks, I/O errors.
pub(crate) fn lock_as_rocksdb(disk: &TargetDisk, at: &TargetPath) -> Result<Option<LockFile>> {
    let file = open_or_make(disk, at)?;
    match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(LockFile(file))),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(no_locks(at, errno)),
    }
}

/// Makes a directory for this file, and locks the file; `None` if another restore has locked it. Who holds the lock may
/// remove both as its last step.
///
/// # Errors
/// As [`lock_as_rocksdb`].
pub(crate) fn lock_staging(disk: &TargetDisk, at: &TargetPath) -> Result<Option<LockFile>> {
    loop {
        if let Some(directory) = at.parent() {
            disk.make_directory(&directory)?;
        }
        let file = open_or_make(disk, at)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(errno) => return Err(no_locks(at, errno)),
        }
        if is_still_there(&file, at)? {
            return Ok(Some(LockFile(file)));
        }
    }
}

fn open_or_make(disk: &TargetDisk, at: &TargetPath) -> Result<File> {
    loop {
        if let Some(file) = open(at)? {
            return Ok(file);
        }
        match disk.write(at, &mut io::empty(), 0) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => {}
            made => made?,
        }
    }
}

fn open(at: &TargetPath) -> Result<Option<File>> {
    let (Some(parent), Some(key)) = (at.parent(), at.key()) else {
        return Ok(None);
    };
    let directory = open_directory(&parent)?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, key.name(), flags, Mode::empty()) {
        Ok(file) => Ok(Some(File::from(file))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno).context("opening", &at.path()),
    }
}

fn is_still_there(file: &File, at: &TargetPath) -> Result<bool> {
    let held = rustix::fs::fstat(file).context("looking at", &at.path())?;
    match rustix::fs::lstat(at.path()) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno).context("looking at", &at.path()),
    }
}

fn no_locks(at: &TargetPath, errno: Errno) -> Error {
    match errno {
        Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK => {
            let message = format!("the file system cannot lock {at}");
            Error::new(ErrorKind::Unsupported, message).with_source(io::Error::from(errno))
        }
        errno => Error::io(format!("locking {at}"), errno.into()),
    }
}
