//! Reading files so that the page cache holds afterwards what it held before.
//!
//! A backup reads every table of a database once. Pages that it brings in would push out those that the database reads
//! again and again. Linux 6.14 has a flag for that (`RWF_DONTCACHE`, on ext4, XFS, btrfs and others): pages that are
//! cached already are used and stay, others go as soon as they have been read. Where kernel or file system does not know
//! the flag, or a filter does not let the call through, reads are ordinary ones.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::ReadWriteFlags;

use super::unavailable::is_unavailable;

/// `RWF_DONTCACHE` in `include/uapi/linux/fs.h`.
const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

/// Reads of one file, or of files on one file system: after the first that shows that the flag is unknown, it is left out.
#[derive(Debug, Default)]
pub(crate) struct SparingReads {
    unknown: AtomicBool,
}

/// What is known of each file system that was read from.
#[derive(Debug, Default)]
pub(crate) struct FileSystems(Mutex<Vec<(u64, Arc<SparingReads>)>>);

impl FileSystems {
    /// Reads of files on this device.
    pub(crate) fn reads(&self, device: u64) -> Arc<SparingReads> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(of, _)| *of == device);
        if let Some((_, reads)) = found {
            return Arc::clone(reads);
        }
        let reads = Arc::<SparingReads>::default();
        known.push((device, Arc::clone(&reads)));
        reads
    }
}

impl SparingReads {
    /// Reads at most `buffer.len()` bytes at `offset`; 0 only at the end.
    pub(crate) fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if !self.unknown.load(Ordering::Relaxed) {
            match rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], offset, DONTCACHE) {
                Err(errno) if is_unavailable(errno) => self.unknown.store(true, Ordering::Relaxed),
                read => return Ok(read?),
            }
        }
        file.read_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_read() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"123456789", 0).unwrap();
        let reads = SparingReads::default();
        let mut buffer = [0; 4];
        for (offset, wanted) in [(0, &b"1234"[..]), (4, b"5678"), (8, b"9"), (9, b"")] {
            let count = reads.read_at(&file, &mut buffer, offset).unwrap();
            assert_eq!(&buffer[..count], wanted);
        }
        let written_only = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        assert!(reads.read_at(&written_only, &mut buffer, 0).is_err());
    }
}
