//! What is known of the file system that a store lies on.
//!
//! The numbers are Linux's own (`statfs(2)`, `include/uapi/linux/magic.h`).

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::Warning;

/// What one kind of file system is known for.
struct Known {
    magic: u64,
    /// Whether `syncfs` writes everything out and reports errors of the device: the file system keeps its own pages
    /// and records failed writes in its superblock.
    syncfs: bool,
    /// What the user should know.
    warning: Option<&'static str>,
}

const fn known(magic: u64, syncfs: bool, warning: Option<&'static str>) -> Known {
    Known {
        magic,
        syncfs,
        warning,
    }
}

const NETWORK: Option<&str> = Some(
    "is a network file system: another machine is kept out only where the server keeps the locks, and what is durable \
     is the server's affair",
);
const FUSE: Option<&str> = Some(
    "is a FUSE file system: whether locks hold, and whether synced files survive a power failure, depends on the program \
     behind it",
);

const KNOWN: &[Known] = &[
    known(0xEF53, true, None),          // ext2, ext3, ext4
    known(0x5846_5342, true, None),     // XFS
    known(0x9123_683E, true, None),     // btrfs
    known(0xF2F5_2010, true, None),     // f2fs
    known(0x0102_1994, true, None),     // tmpfs
    known(0x794C_7630, false, None),    // overlayfs: the pages are those of the file system below
    known(0x2FC1_2FC1, false, None),    // ZFS
    known(0xCA45_1A4E, false, None),    // bcachefs
    known(0x6969, false, NETWORK),      // NFS
    known(0xFF53_4D42, false, NETWORK), // CIFS
    known(0xFE53_4D42, false, NETWORK), // SMB2
    known(0x0102_1997, false, NETWORK), // 9p
    known(0x00C3_6400, false, NETWORK), // Ceph
    known(0x6573_5546, false, FUSE),
];

/// `syncfs` returns no errors of the device on Linux before this version.
const SYNCFS_REPORTS_FROM: (u32, u32) = (5, 8);

/// Whether one `syncfs` makes files on this file system durable, or says that it could not.
pub(super) fn trusts_syncfs(root: &OwnedFd) -> bool {
    let magic = magic(root).unwrap_or(0);
    let trusted = KNOWN.iter().any(|known| known.magic == magic && known.syncfs);
    trusted && kernel_version().is_some_and(|version| version >= SYNCFS_REPORTS_FROM)
}

/// What the user should know of the file system at this path.
pub(super) fn warning(root: &OwnedFd, path: &str) -> Option<Warning> {
    let magic = magic(root).ok()?;
    let text = match KNOWN.iter().find(|known| known.magic == magic) {
        Some(known) => known.warning?.to_owned(),
        None => format!(
            "is on a file system of a kind that is not known here ({magic:#x}): whether locks hold, and whether synced \
             files survive a power failure, is not known either"
        ),
    };
    Some(Warning::about(path, text))
}

fn magic(root: &OwnedFd) -> Result<u64, Errno> {
    // The kernel's type for it has another width or sign on each architecture; the numbers have 32 bits.
    Ok(rustix::fs::fstatfs(root)?.f_type as u64 & 0xFFFF_FFFF)
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
    use super::*;

    #[test]
    fn kernel_releases_are_compared_by_number() {
        assert_eq!(parse_version("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(parse_version("5.8-rc1"), Some((5, 8)));
        assert_eq!(parse_version("x"), None);
        assert!(parse_version("5.10.0").unwrap() >= SYNCFS_REPORTS_FROM);
        assert!(parse_version("4.19.1").unwrap() < SYNCFS_REPORTS_FROM);
    }
}
