//! Whether the file system keeps what it shows of a file that another process writes.

use std::path::Path;

use rustix::fs::statfs;

use crate::image::diagnostics::Diagnostics;
use crate::{Error, ErrorKind, IoContext, Result, WarningName};

/// Local file systems: what one process writes, another one sees at once, and an open file keeps its bytes when its
/// name goes. Numbers: `include/uapi/linux/magic.h`, and the sources of those that are not in it.
const LOCAL: [(u32, &str); 11] = [
    (0x0000_EF53, "ext4"),
    (0x5846_5342, "XFS"),
    (0x9123_683E, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58F6, "ramfs"),
    (0xF2F5_2010, "F2FS"),
    (0x2FC1_2FC1, "ZFS"),
    (0xCA45_1A4E, "bcachefs"),
    (0x3153_464A, "JFS"),
    (0x5265_4973, "ReiserFS"),
    (0x0000_3434, "NILFS"),
];

/// File systems of which it is known why they may show something old, or lose an open file.
const DOUBTFUL: [(u32, &str, &str); 12] = [
    (0x0000_6969, "NFS", NETWORK),
    (0x0000_517B, "SMB", NETWORK),
    (0xFF53_4D42, "CIFS", NETWORK),
    (0xFE53_4D42, "SMB2", NETWORK),
    (0x0102_1997, "9p", NETWORK),
    (0x00C3_6400, "Ceph", NETWORK),
    (0x5346_414F, "AFS", NETWORK),
    (0x7375_7245, "Coda", NETWORK),
    (0x0BD0_0BD0, "Lustre", NETWORK),
    (0x6573_5546, "FUSE", FUSE),
    (0x786F_4256, "vboxsf", FUSE),
    (0x794C_7630, "overlayfs", OVERLAY),
];

const NETWORK: &str = "it may show an old state of files, and lose those that another machine deletes";
const FUSE: &str = "what it promises about files that are open cannot be known";
const OVERLAY: &str = "a file of its lower layer that is open here does not show what is written to its copy";

/// Refuses a directory on a file system that is not known to be local, unless forced: then it is a warning.
///
/// # Errors
/// `Unsupported` if it is not known to be local, `Io` if it cannot be asked.
pub(super) fn check(directory: &Path, forced: bool, diagnostics: &mut Diagnostics) -> Result<()> {
    let kind = statfs(directory)
        .context("asking for the file system of", directory)?
        .f_type;
    // The width of the field differs between machines; the numbers have 32 bits.
    let Some(doubt) = doubt(kind as u32) else {
        return Ok(());
    };
    if forced {
        diagnostics.warn(
            WarningName::FileSystem,
            directory,
            format!("{doubt}; it was captured all the same"),
        );
        return Ok(());
    }
    let directory = directory.display();
    let message = format!("{directory} cannot be captured while it is written: {doubt}");
    Err(Error::new(ErrorKind::Unsupported, message).with_hint(
        "capture it on the machine and in the container that its writer runs on, or stop the writer, or force it if \
         you know that the file system behaves like a local one",
    ))
}

/// What speaks against a file system, by its number.
fn doubt(kind: u32) -> Option<String> {
    if LOCAL.iter().any(|(local, _)| *local == kind) {
        return None;
    }
    let known = DOUBTFUL.iter().find(|(doubtful, ..)| *doubtful == kind);
    Some(known.map_or_else(
        || format!("its file system, number {kind:#x}, is not known to be local"),
        |(_, name, why)| format!("its file system is {name}: {why}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_file_systems_are_beyond_doubt() {
        assert_eq!(doubt(0xEF53), None);
        assert_eq!(doubt(0x9123_683E), None);
        assert!(doubt(0x6969).unwrap().contains("NFS: it may show an old state"));
        assert!(doubt(0x6573_5546).unwrap().contains("FUSE"));
        assert!(doubt(0x794C_7630).unwrap().contains("lower layer"));
        let unknown = doubt(0x1234).unwrap();
        assert!(unknown.contains("0x1234"), "{unknown}");
    }

    #[test]
    fn a_doubtful_one_is_refused_unless_forced() {
        // It is never local, and always there.
        let proc = Path::new("/proc/self");
        let mut diagnostics = Diagnostics::default();
        let error = check(proc, false, &mut diagnostics).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().unwrap().contains("force"), "{error:?}");
        check(proc, true, &mut diagnostics).unwrap();
        let warnings = diagnostics.into_warnings(proc, None).unwrap();
        assert!(warnings[0].message.contains("all the same"), "{warnings:?}");
    }
}
