//! What is known of file systems.
//!
//! The numbers are Linux's own (`statfs(2)`, `include/uapi/linux/magic.h`).

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;

use self::Locality::{Fuse, Local, Network, Overlay};
use crate::{Warning, WarningName};

/// What one kind of file system is known for.
pub(crate) struct Known {
    magic: u64,
    pub(crate) name: &'static str,
    /// Whether `syncfs` writes everything out and reports errors of the device: the file system keeps its own pages
    /// and records failed writes in its superblock.
    syncfs: bool,
    pub(crate) locality: Locality,
}

/// Who changes the files of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locality {
    /// This machine: a write is seen at once by every process, and an open file keeps its bytes when its name goes.
    Local,
    /// overlayfs: as the file systems below it, but an open file of the lower layer does not show writes to its copy.
    Overlay,
    /// Other machines as well.
    Network,
    /// A program on this machine, which may do anything.
    Fuse,
}

const fn known(magic: u64, name: &'static str, syncfs: bool, locality: Locality) -> Known {
    Known {
        magic,
        name,
        syncfs,
        locality,
    }
}

const NETWORK: &str = "is a network file system: another machine is kept out only where the server keeps the locks, and \
                       what is durable is decided by the server";
const FUSE: &str = "is a FUSE file system: whether locks hold, and whether synced files survive a power failure, depends on \
                    the program behind it";

const KNOWN: [Known; 23] = [
    known(0xEF53, "ext4", true, Local),
    known(0x5846_5342, "XFS", true, Local),
    known(0x9123_683E, "btrfs", true, Local),
    known(0xF2F5_2010, "F2FS", true, Local),
    known(0x0102_1994, "tmpfs", true, Local),
    known(0x8584_58F6, "ramfs", false, Local),
    known(0x2FC1_2FC1, "ZFS", false, Local),
    known(0xCA45_1A4E, "bcachefs", false, Local),
    known(0x3153_464A, "JFS", false, Local),
    known(0x5265_4973, "ReiserFS", false, Local),
    known(0x3434, "NILFS", false, Local),
    known(0x794C_7630, "overlayfs", false, Overlay), // the pages are those of the file system below
    known(0x6969, "NFS", false, Network),
    known(0x517B, "SMB", false, Network),
    known(0xFF53_4D42, "CIFS", false, Network),
    known(0xFE53_4D42, "SMB2", false, Network),
    known(0x0102_1997, "9p", false, Network),
    known(0x00C3_6400, "Ceph", false, Network),
    known(0x5346_414F, "AFS", false, Network),
    known(0x7375_7245, "Coda", false, Network),
    known(0x0BD0_0BD0, "Lustre", false, Network),
    known(0x786F_4256, "vboxsf", false, Network),
    known(0x6573_5546, "FUSE", false, Fuse),
];

/// What is known of the file system with this number.
pub(crate) fn find(magic: u64) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.magic == magic)
}

/// Whether the file system with this number has no disk.
fn is_in_memory(magic: u64) -> bool {
    find(magic).is_some_and(|known| matches!(known.name, "tmpfs" | "ramfs"))
}

/// Whether this directory's file system has no disk.
pub(crate) fn has_no_disk(directory: impl AsFd) -> bool {
    magic(directory).is_ok_and(is_in_memory)
}

/// How the directories of such disks in `/sys` begin: virtio's, Xen's.
const HYPERVISORS_DISKS: [&str; 2] = ["virtio", "vbd-"];

/// `syncfs` returns no errors of the device on Linux before this version.
const SYNCFS_REPORTS_FROM: (u32, u32) = (5, 8);

/// Whether one `syncfs` makes files on this file system durable, or says that it could not.
pub(crate) fn trusts_syncfs(root: &OwnedFd) -> bool {
    let trusted = find(magic(root).unwrap_or(0)).is_some_and(|known| known.syncfs);
    trusted && kernel_version().is_some_and(|version| version >= SYNCFS_REPORTS_FROM)
}

/// What the user should know of the file system at this path.
pub(crate) fn warning(root: &OwnedFd, path: &str) -> Option<Warning> {
    let magic = magic(root).ok()?;
    let text = match find(magic).map(|known| known.locality) {
        Some(Local | Overlay) => return None,
        Some(Network) => NETWORK.to_owned(),
        Some(Fuse) => FUSE.to_owned(),
        None => format!(
            "is on a file system of a kind that is not known here ({magic:#x}): whether locks hold, and whether synced \
             files survive a power failure, is not known either"
        ),
    };
    Some(Warning::about(WarningName::FileSystem, path, text))
}

/// Whether the disk below has heads that move; `None` where no single disk is known, as for tmpfs and btrfs.
pub(crate) fn is_rotational(root: &OwnedFd) -> Option<bool> {
    let device = rustix::fs::fstat(root).ok()?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    rotational_in(Path::new("/sys/dev/block"), major, minor)
}

/// A partition has no queue of its own; its disk's stands one above. What a hypervisor's disk says of itself is the
/// driver's default, whatever is below.
fn rotational_in(devices: &Path, major: u32, minor: u32) -> Option<bool> {
    let device = std::fs::canonicalize(devices.join(format!("{major}:{minor}"))).ok()?;
    if device.iter().any(is_of_hypervisor) {
        return None;
    }
    let read = |queue: &str| std::fs::read_to_string(device.join(queue)).ok();
    let text = read("queue/rotational").or_else(|| read("../queue/rotational"))?;
    match text.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn is_of_hypervisor(part: &OsStr) -> bool {
    let part = part.to_str().unwrap_or_default();
    HYPERVISORS_DISKS.iter().any(|start| part.starts_with(start))
}

/// The number of the file system that a file is on.
pub(crate) fn magic(file: impl AsFd) -> Result<u64, Errno> {
    // The kernel's type for it has another width or sign on each architecture; the numbers have 32 bits.
    Ok(rustix::fs::fstatfs(file)?.f_type as u64 & 0xFFFF_FFFF)
}

fn kernel_version() -> Option<(u32, u32)> {
    parse_version(rustix::system::uname().release().to_str().ok()?)
}

fn parse_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As `/sys` has them: links to disks, and to partitions inside them.
    #[test]
    fn a_partition_is_as_its_disk_is() {
        let sys = tempfile::tempdir().unwrap();
        let devices = sys.path().join("dev");
        std::fs::create_dir(&devices).unwrap();
        for (number, disk, rotational) in [(0, "sda", "1\n"), (16, "sdb", "0\n"), (32, "virtio0", "1\n")] {
            let disk = sys.path().join(disk);
            std::fs::create_dir_all(disk.join("queue")).unwrap();
            std::fs::create_dir(disk.join("part")).unwrap();
            std::fs::write(disk.join("queue/rotational"), rotational).unwrap();
            symlink(&disk, devices.join(format!("8:{number}"))).unwrap();
            symlink(disk.join("part"), devices.join(format!("8:{}", number + 1))).unwrap();
        }
        let rotational = [0, 1, 16, 17, 32, 33, 48].map(|minor| rotational_in(&devices, 8, minor));
        assert_eq!(
            rotational[..4],
            [Some(true), Some(true), Some(false), Some(false)]
        );
        assert_eq!(rotational[4..], [None; 3]);
    }

    #[test]
    fn kernel_releases_are_compared_by_number() {
        assert_eq!(parse_version("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(parse_version("5.8-rc1"), Some((5, 8)));
        assert_eq!(parse_version("x"), None);
        assert!(parse_version("5.10.0").unwrap() >= SYNCFS_REPORTS_FROM);
        assert!(parse_version("4.19.1").unwrap() < SYNCFS_REPORTS_FROM);
    }
}
