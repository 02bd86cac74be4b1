//! Disks: files with a file system in them, which are mounted, and cloned at one instant.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::fs::ioctl_ficlone;

/// How often a mount is tried to be taken away that is still busy.
const TRIES: u32 = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub(super) const ALL: [FileSystem; 3] = [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs];

    pub(super) fn name(self) -> &'static str {
        match self {
            FileSystem::Ext4 => "ext4",
            FileSystem::Xfs => "xfs",
            FileSystem::Btrfs => "btrfs",
        }
    }

    /// Somewhat more than the smallest that there is.
    fn size_bytes(self) -> u64 {
        match self {
            FileSystem::Ext4 => 96 << 20,
            FileSystem::Xfs => 320 << 20,
            FileSystem::Btrfs => 256 << 20,
        }
    }

    /// Options of mounts that change what a power failure leaves.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            FileSystem::Ext4 => &[
                "defaults",
                "data=writeback",
                "data=journal",
                "nodelalloc",
                "commit=1",
            ],
            FileSystem::Xfs => &["defaults", "logbsize=256k"],
            FileSystem::Btrfs => &["defaults", "commit=1", "compress=zstd", "notreelog"],
        }
    }
}

/// A file with a file system in it.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    kind: FileSystem,
}

impl Disk {
    /// Makes an empty file system in a new file.
    pub(super) fn make(path: &Path, kind: FileSystem) -> Result<Self> {
        Disk::of_size(path, kind, kind.size_bytes())
    }

    pub(super) fn of_size(path: &Path, kind: FileSystem, size_bytes: u64) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        file.set_len(size_bytes)?;
        let force = if kind == FileSystem::Ext4 { "-F" } else { "-f" };
        let mut make = Command::new(format!("mkfs.{}", kind.name()));
        run(make.args(["-q", force]).arg(path))?;
        Ok(Disk {
            path: path.to_owned(),
            kind,
        })
    }

    /// Mounts it.
    pub(super) fn mount(&self, point: &Path, options: &str) -> Result<Mounted> {
        fs::create_dir_all(point)?;
        if self.kind == FileSystem::Btrfs {
            // It takes a clone for the disk that it knows by the same number.
            drop(run(Command::new("btrfs").args(["device", "scan", "--forget"])));
        }
        let options = match self.kind {
            FileSystem::Xfs => format!("loop,nouuid,{options}"),
            _ => format!("loop,{options}"),
        };
        let mut mount = Command::new("mount");
        mount.args(["-t", self.kind.name(), "-o", &options]);
        run(mount.arg(&self.path).arg(point))?;
        Ok(Mounted(point.to_owned()))
    }

    /// What is on the disk at this instant, in a new file: all writes that the disk has taken, and nothing that the file system still has in memory.
    pub(super) fn clone_to(&self, path: &Path) -> Result<Disk> {
        let clone = File::create_new(path).with_context(|| path.display().to_string())?;
        ioctl_ficlone(&clone, File::open(&self.path)?).context("cloning a disk")?;
        Ok(Disk {
            path: path.to_owned(),
            kind: self.kind,
        })
    }

    /// Copies the file to any file system.
    pub(super) fn copy_to(&self, path: &Path) -> Result<()> {
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(&self.path)
            .arg(path))
    }

    /// Removes the file.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).with_context(|| self.path.display().to_string())
    }
}

/// A mounted disk. The mount goes when this is dropped, and its loop device with it.
#[derive(Debug)]
pub(super) struct Mounted(PathBuf);

impl Mounted {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the mount away.
    pub(super) fn unmount(self) -> Result<()> {
        let done = unmount(&self.0);
        std::mem::forget(self);
        done
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(unmount(&self.0));
    }
}

/// Takes a mount away, also one of a process that is gone.
pub(super) fn unmount(point: &Path) -> Result<()> {
    for _ in 0..TRIES {
        if run(Command::new("umount").arg(point)).is_ok() {
            return Ok(());
        }
        thread::sleep(BETWEEN_TRIES);
    }
    run(Command::new("umount").arg("--lazy").arg(point))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| program.clone())?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
