//! Staging a file by sharing the blocks of another one, where the file system can (reflink: XFS, btrfs, bcachefs).

use std::collections::HashSet;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use crate::disk::unavailable::is_unavailable;

/// Knows from which file systems nothing can be shared with the one that is written to.
#[derive(Debug, Default)]
pub(crate) struct Clones {
    impossible: Mutex<HashSet<u64>>,
}

impl Clones {
    /// Whether it is worth making a file to share the blocks of this one, which is on such a device.
    pub(crate) fn may_share(&self, device: u64) -> bool {
        let impossible = self.impossible.lock().unwrap_or_else(PoisonError::into_inner);
        !impossible.contains(&device)
    }

    /// Makes an empty file share all blocks of another one that has at least `size_bytes`, and gives it that length;
    /// whether that was possible. Content that is not on disk yet is written there by the kernel first.
    pub(crate) fn share(&self, source: &File, device: u64, new: &File, size_bytes: u64) -> bool {
        match rustix::fs::ioctl_ficlone(new, source) {
            Ok(()) => cut(new, size_bytes),
            Err(errno) => {
                if is_unavailable(errno) || matches!(errno, Errno::XDEV | Errno::NOTTY) {
                    let mut impossible = self.impossible.lock().unwrap_or_else(PoisonError::into_inner);
                    impossible.insert(device);
                }
                false
            }
        }
    }
}

fn cut(new: &File, size_bytes: u64) -> bool {
    match rustix::fs::fstat(new).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)) {
        Ok(length) if length > size_bytes => rustix::fs::ftruncate(new, size_bytes).is_ok(),
        Ok(length) => length == size_bytes,
        Err(_) => false,
    }
}
