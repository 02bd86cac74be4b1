//! A restored file that is read from the disk, and looked into on the way.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use crate::store::{LocalFile, Object};

/// So much is read in vain rather than through the page cache.
const MOST_SKIPPED_BYTES: u64 = 1 << 20;

/// Reads in the order of the file come from a reader that goes past the page cache where the file system has direct reads. Others, at the
/// end of a table, come from the file itself; their bytes are read once more in order, for the checksum.
pub(super) struct OnDisk {
    file: File,
    size_bytes: u64,
    in_order: Mutex<InOrder>,
}

struct InOrder {
    reader: Box<dyn Read + Send>,
    at: u64,
}

impl OnDisk {
    pub(super) fn new(file: File, size_bytes: u64, reader: Box<dyn Read + Send>) -> Self {
        OnDisk {
            file,
            size_bytes,
            in_order: Mutex::new(InOrder { reader, at: 0 }),
        }
    }
}

impl InOrder {
    /// Reads what begins at this byte, if that is not far ahead.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        let skipped = match offset.checked_sub(self.at) {
            Some(skipped) if skipped <= MOST_SKIPPED_BYTES => skipped,
            _ => return Ok(None),
        };
        self.at += io::copy(&mut self.reader.by_ref().take(skipped), &mut io::sink())?;
        let count = self.reader.read(buffer)?;
        self.at += count as u64;
        Ok(Some(count))
    }
}

impl Object for OnDisk {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut in_order = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        match in_order.read_at(buffer, offset)? {
            Some(count) => Ok(count),
            None => self.file.read_at(buffer, offset),
        }
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}
