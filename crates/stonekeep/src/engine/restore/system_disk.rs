//! The target's file system, as the operating system offers it.
//!
//! Below a root each directory is opened relative to the one above without following links, and new files are made
//! with `O_EXCL`, so that nobody who can write there turns a restore somewhere else. When it is root who restores, new
//! files get owner and group of the root directory, and of its mode what makes sense for a file: the database's own
//! user must be able to open what comes back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::disk::{FreeSpace, TargetDisk, TargetPath};
use crate::store::Durability;
use crate::{Error, IoContext, Result};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const CAREFULLY: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// As RocksDB makes its files and directories (env/fs_posix.cc); the umask takes away from it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// What a file may take over of its directory's mode: nobody executes a table.
const INHERITED_MODE: u32 = 0o666;

const SMALLEST_BUFFER_BYTES: usize = 4096;

/// The real file system. Below a root no link is followed, and new files are made with `O_EXCL`; when root restores, they
/// get owner, group and mode of the root directory.
#[derive(Debug, Clone)]
pub struct SystemDisk {
    buffer_bytes: NonZeroUsize,
}

/// A name in an open directory.
struct Place {
    directory: OwnedFd,
    name: String,
    path: PathBuf,
}

impl SystemDisk {
    /// Copies through a buffer of this size.
    pub fn new(buffer_bytes: NonZeroUsize) -> Self {
        SystemDisk { buffer_bytes }
    }

    fn place(&self, at: &TargetPath) -> Result<Place> {
        let (Some(parent), Some(key)) = (at.parent(), at.key()) else {
            return Err(Error::invalid(format!(
                "{at} is a directory's root, and no file in it"
            )));
        };
        Ok(Place {
            directory: open_directory(&parent)?,
            name: key.name().to_owned(),
            path: at.path(),
        })
    }

    fn copy(&self, content: &mut dyn Read, mut file: &File, at: &TargetPath, expected: u64) -> Result<u64> {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let mut buffer = vec![0; expected.max(SMALLEST_BUFFER_BYTES).min(self.buffer_bytes.get())];
        let mut written = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(written),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(format!("reading what {at} is to hold"), error)),
            };
            file.write_all(buffer.get(..count).unwrap_or_default())
                .context("writing", &at.path())?;
            written += count as u64;
        }
    }
}

impl TargetDisk for SystemDisk {
    fn make_directory(&self, at: &TargetPath) -> Result<()> {
        let made = match at.parent() {
            None => rustix::fs::mkdirat(CWD, at.root_path(), DIRECTORY_MODE),
            Some(_) => {
                let place = self.place(at)?;
                rustix::fs::mkdirat(&place.directory, &place.name, DIRECTORY_MODE)
            }
        };
        match made {
            Ok(()) => Ok(()),
            // Whatever stands there must be a directory.
            Err(Errno::EXIST) => open_directory(at).map(drop),
            Err(errno) => Err(errno).context("making", &at.path()),
        }
    }

    fn write(
        &self,
        at: &TargetPath,
        content: &mut dyn Read,
        expected_bytes: u64,
        durability: Durability,
    ) -> Result<u64> {
        let place = self.place(at)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFULLY;
        let file = rustix::fs::openat(&place.directory, &place.name, flags, FILE_MODE)
            .context("making", &place.path)?;
        let file = File::from(file);
        let written = inherit_owner(&file, at)
            .and_then(|()| self.copy(content, &file, at, expected_bytes))
            .and_then(|written| {
                if durability == Durability::Durable {
                    rustix::fs::fdatasync(&file).context("syncing", &place.path)?;
                }
                Ok(written)
            });
        if written.is_err()
            && let Err(errno) = rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty())
        {
            tracing::warn!(path = %place.path.display(), %errno, "a file that is not whole stays");
        }
        written
    }

    fn duplicate(&self, from: &TargetPath, to: &TargetPath, durability: Durability) -> Result<()> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        let linked = rustix::fs::linkat(
            &source.directory,
            &source.name,
            &target.directory,
            &target.name,
            AtFlags::empty(),
        );
        match linked {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(Errno::EXIST).context("making", &target.path),
            Err(_) => {
                let file = rustix::fs::openat(
                    &source.directory,
                    &source.name,
                    OFlags::RDONLY | CAREFULLY,
                    Mode::empty(),
                )
                .context("opening", &source.path)?;
                self.write(to, &mut File::from(file), 0, durability).map(drop)
            }
        }
    }

    fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        let (old, new) = (&source.directory, &target.directory);
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(old, &source.name, new, &target.name, flags) {
            // Some file systems (NFS, some FUSE) cannot promise not to replace: look first.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                match rustix::fs::statat(new, &target.name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => rustix::fs::renameat(old, &source.name, new, &target.name),
                    Ok(_) => Err(Errno::EXIST),
                    Err(errno) => Err(errno),
                }
            }
            renamed => renamed,
        }
        .context(&format!("renaming {from} to"), &target.path)
    }

    fn replace(&self, from: &TargetPath, to: &TargetPath) -> Result<()> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        rustix::fs::renameat(&source.directory, &source.name, &target.directory, &target.name)
            .context(&format!("renaming {from} to"), &target.path)
    }

    fn remove(&self, at: &TargetPath) -> Result<()> {
        let place = self.place(at)?;
        gone_is_done(rustix::fs::unlinkat(
            &place.directory,
            &place.name,
            AtFlags::empty(),
        ))
        .context("removing", &place.path)
    }

    fn remove_directory(&self, at: &TargetPath) -> Result<()> {
        let place = self.place(at)?;
        gone_is_done(rustix::fs::unlinkat(
            &place.directory,
            &place.name,
            AtFlags::REMOVEDIR,
        ))
        .context("removing", &place.path)
    }

    fn sync_file(&self, at: &TargetPath) -> Result<()> {
        let place = self.place(at)?;
        let flags = OFlags::RDONLY | CAREFULLY;
        let file = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())
            .context("opening", &place.path)?;
        rustix::fs::fdatasync(&file).context("syncing", &place.path)
    }

    fn free_space(&self, directory: &Path) -> Result<FreeSpace> {
        let stat = rustix::fs::stat(directory).context("looking at", directory)?;
        let system = rustix::fs::statvfs(directory).context("looking at", directory)?;
        Ok(FreeSpace {
            device: stat.st_dev,
            free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
        })
    }

    fn sync_directory(&self, at: &TargetPath) -> Result<()> {
        match rustix::fs::fsync(open_directory(at)?) {
            Err(errno @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                tracing::warn!(directory = %at, %errno, "the file system cannot sync a directory");
                Ok(())
            }
            synced => synced.context("syncing the directory", &at.path()),
        }
    }
}

/// Opens a directory, never through a link below the root.
pub(super) fn open_directory(at: &TargetPath) -> Result<OwnedFd> {
    let mut opened = rustix::fs::openat(CWD, at.root_path(), DIRECTORY, Mode::empty())
        .context("opening", at.root_path())?;
    for part in at.key().iter().flat_map(|key| key.as_str().split('/')) {
        opened = rustix::fs::openat(&opened, part, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
            .context("opening", &at.path())?;
    }
    Ok(opened)
}

fn inherit_owner(file: &File, at: &TargetPath) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let directory = rustix::fs::stat(at.root_path()).context("looking at", at.root_path())?;
    let (owner, group) = (
        rustix::fs::Uid::from_raw(directory.st_uid),
        rustix::fs::Gid::from_raw(directory.st_gid),
    );
    let mode = Mode::from_raw_mode(directory.st_mode & INHERITED_MODE);
    let path = at.path();
    rustix::fs::fchown(file, Some(owner), Some(group)).context("changing the owner of", &path)?;
    rustix::fs::fchmod(file, mode).context("changing the mode of", &path)
}

fn gone_is_done(removed: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}
