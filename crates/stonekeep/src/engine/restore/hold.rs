//! Step R0: nobody else opens the target's database, or restores into the same directories.

use std::sync::{Mutex, PoisonError};

use crate::image::lock::LockState;
use crate::target::{
    LockFile, TargetDirectories, TargetDirectory, TargetDisk, lock_as_rocksdb, lock_staging,
};
use crate::{Error, ErrorKind, Result};

const LOCK: &str = "LOCK";
/// The lock file in a staging directory.
pub(super) const STAGING_LOCK: &str = "lock";

/// The locks of one restore, held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _database: LockFile,
    staging: Mutex<Vec<LockFile>>,
}

impl Held {
    /// Releases the locks of the staging directories, as the last step before these are removed: NFS and FUSE keep a file
    /// that is unlinked while it is open under another name, and the directory with it. No other restore of this database
    /// begins here, since `LOCK` is still held.
    pub(super) fn release_staging(&self) {
        let files = std::mem::take(&mut *self.staging.lock().unwrap_or_else(PoisonError::into_inner));
        files.into_iter().for_each(LockFile::release);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release_staging();
    }
}

/// An error if a process has the target's database open. This does not open `LOCK` where this process holds it.
pub(super) fn refuse_if_open(target: &TargetDirectory) -> Result<()> {
    match LockState::of(target.path())?.holder() {
        None => Ok(()),
        Some(holder) => Err(open_elsewhere(target, &holder)),
    }
}

/// Takes all locks, without waiting. The staging directories are made for them.
pub(super) fn hold(targets: &TargetDirectories, disk: &TargetDisk) -> Result<Held> {
    let db = targets.db();
    refuse_if_open(db)?;
    let database = lock_as_rocksdb(disk, &db.at(LOCK)?)?;
    let database = database.ok_or_else(|| open_elsewhere(db, "another process"))?;
    let mut staging = Vec::new();
    for (_, target) in targets.all() {
        let lock = lock_staging(disk, &target.staged(STAGING_LOCK))?;
        staging.push(lock.ok_or_else(|| {
            let message = format!("another restore into {} is running", target.path().display());
            Error::new(ErrorKind::Locked, message)
        })?);
    }
    Ok(Held {
        _database: database,
        staging: Mutex::new(staging),
    })
}

fn open_elsewhere(target: &TargetDirectory, holder: &str) -> Error {
    let message = format!("the database in {} is open in {holder}", target.path().display());
    Error::new(ErrorKind::Locked, message)
        .with_hint("close it there: a database cannot be restored over while it is open")
}
