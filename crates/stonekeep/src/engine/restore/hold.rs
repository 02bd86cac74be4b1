//! Step R0: nobody else opens the target's database, or restores into the same directories.
//!
//! RocksDB holds a POSIX write lock on `LOCK` while a database is open (`PosixFileSystem::LockFile` in env/fs_posix.cc),
//! so a restore holds it too. Such a lock belongs to the process, and is lost when the process closes any descriptor of
//! the file; so first a look at who has it, which does not open it if it is this process. Where there is no `LOCK`
//! one is made, and it stays: RocksDB leaves its own as well, and a lock file that is removed locks nobody out.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::disk::{TargetDisk, TargetPath};
use super::site::{Site, Sites};
use super::system_disk::open_directory;
use crate::image::lock::LockState;
use crate::store::Durability;
use crate::{Error, ErrorKind, IoContext, Result};

const LOCK: &str = "LOCK";
/// The lock file in a staging directory.
pub(super) const STAGING_LOCK: &str = "lock";

/// The locks of one restore, held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _database: File,
    staging: Mutex<Vec<File>>,
}

impl Held {
    /// Lets the locks of the staging directories go, as the last step before these are removed: NFS and FUSE keep a file
    /// that is unlinked while it is open under another name, and the directory with it. No other restore of this database
    /// begins here, since `LOCK` is still held.
    pub(super) fn release_staging(&self) {
        let files = std::mem::take(&mut *self.staging.lock().unwrap_or_else(PoisonError::into_inner));
        for file in &files {
            // Closing alone would leave them to a child that another thread has just forked, until it runs its program.
            if let Err(error) = rustix::fs::flock(file, FlockOperation::Unlock) {
                tracing::debug!(%error, "a lock is released by closing it");
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release_staging();
    }
}

/// An error if a process has the target's database open.
pub(super) fn refuse_if_open(site: &Site) -> Result<()> {
    match LockState::of(site.path())?.holder() {
        None => Ok(()),
        Some(holder) => Err(open_elsewhere(site, &holder)),
    }
}

/// Takes all locks, without waiting. The staging directories are made for them.
pub(super) fn hold(sites: &Sites, disk: &dyn TargetDisk) -> Result<Held> {
    refuse_if_open(sites.db())?;
    let database = open_or_make(disk, &sites.db().at(LOCK)?)?;
    match rustix::fs::fcntl_lock(&database, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN | Errno::ACCESS) => return Err(open_elsewhere(sites.db(), "another process")),
        Err(errno) => return Err(no_locks(&sites.db().at(LOCK)?, errno)),
    }
    let mut staging = Vec::new();
    for (_, site) in sites.all() {
        disk.make_directory(&site.staging(None))?;
        staging.push(lock_staging(site, disk)?);
    }
    Ok(Held {
        _database: database,
        staging: Mutex::new(staging),
    })
}

fn lock_staging(site: &Site, disk: &dyn TargetDisk) -> Result<File> {
    let at = site.staging(Some(STAGING_LOCK));
    loop {
        disk.make_directory(&site.staging(None))?;
        let file = open_or_make(disk, &at)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let message = format!("another restore into {} is running", site.path().display());
                return Err(Error::new(ErrorKind::Locked, message));
            }
            Err(errno) => return Err(no_locks(&at, errno)),
        }
        // The restore that had it may have ended and removed it meanwhile.
        if is_still_there(&file, &at)? {
            return Ok(file);
        }
    }
}

fn open_or_make(disk: &dyn TargetDisk, at: &TargetPath) -> Result<File> {
    loop {
        if let Some(file) = open(at)? {
            return Ok(file);
        }
        match disk.write(at, &mut io::empty(), 0, Durability::Buffered) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => {}
            made => drop(made?),
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

fn open_elsewhere(site: &Site, holder: &str) -> Error {
    let message = format!("the database in {} is open in {holder}", site.path().display());
    Error::new(ErrorKind::Locked, message)
        .with_hint("close it there: a database cannot be restored over while it is open")
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
