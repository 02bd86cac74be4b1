//! The directory in which the disks lie: on a file system that clones files.
//!
//! It is below the temporary directory, or on an XFS in a file there if that cannot clone. Its name begins with [`PREFIX`], and a living owner holds the lock
//! of the file `lock` in it, so that the next run can take away what a killed one has left mounted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock, ioctl_ficlone};
use tempfile::TempDir;

use super::disk::{Disk, FileSystem, Mounted, unmount};

const PREFIX: &str = "stonekeep-power-";
const LOCK: &str = "lock";
/// What the names of disks end with.
const DISK: &str = "disk";
/// For a sequence's disk, and what its clones do not share with it. The file is sparse.
const HOST_BYTES: u64 = 8 << 30;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ground {
    // Dropped in this order.
    _host: Option<Mounted>,
    _lock: File,
    directory: TempDir,
    disks: PathBuf,
}

impl Ground {
    pub(super) fn new() -> Result<Self> {
        take_away_what_is_left(&std::env::temp_dir())?;
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = File::create(directory.path().join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let (host, disks) = if clones(directory.path())? {
            (None, directory.path().to_owned())
        } else {
            let disk = Disk::of_size(&directory.path().join("host.image"), FileSystem::Xfs, HOST_BYTES)?;
            let host = disk.mount(&directory.path().join("host"), "defaults")?;
            let path = host.path().to_owned();
            (Some(host), path)
        };
        Ok(Ground {
            _host: host,
            _lock: lock,
            directory,
            disks,
        })
    }

    /// A file for a disk.
    pub(super) fn disk(&self, name: &str) -> PathBuf {
        self.disks.join(name).with_extension(DISK)
    }

    /// Removes the disks of a trial that has failed.
    pub(super) fn remove_disks(&self) -> Result<()> {
        for entry in fs::read_dir(&self.disks)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == DISK) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// A directory to mount on, or for anything else.
    pub(super) fn directory(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Whether files here can be cloned.
fn clones(directory: &Path) -> Result<bool> {
    let (from, to) = (directory.join("from"), directory.join("to"));
    fs::write(&from, [1; 8192])?;
    let clone = File::create(&to)?;
    let is_cloned = ioctl_ficlone(&clone, File::open(&from)?).is_ok();
    fs::remove_file(from)?;
    fs::remove_file(to)?;
    Ok(is_cloned)
}

/// Takes away the mounts and files of runs that were killed.
fn take_away_what_is_left(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_ours = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        let lock = File::open(path.join(LOCK)).ok().filter(|_| is_ours);
        let Some(lock) = lock else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let mut points: Vec<&Path> = points
            .map(Path::new)
            .filter(|point| point.starts_with(&path))
            .collect();
        points.reverse();
        for point in points {
            unmount(point)?;
        }
        fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
