//! A file at a target that is open for reading.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::disk::{FileReader, SparingReads};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct TargetFile {
    file: Arc<File>,
    reads: Arc<SparingReads>,
    size_bytes: u64,
}

impl TargetFile {
    pub(super) fn new(file: File, reads: Arc<SparingReads>, size_bytes: u64) -> Self {
        TargetFile {
            file: Arc::new(file),
            reads,
            size_bytes,
        }
    }

    /// Reads the file from its beginning.
    pub(crate) fn reader(&self) -> FileReader {
        FileReader::with_reads(Arc::clone(&self.file), Arc::clone(&self.reads))
    }

    /// Its length when it was opened.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes at an offset, fewer than asked for at the end of the file.
    pub(crate) fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.fill(offset, length, vec![0; length])
    }

    /// The bytes from an offset to the end of the file, which has this many there: fewer if the file is shorter, one more
    /// if it is longer.
    pub(crate) fn read_end(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.fill(offset, length, vec![0; length + 1])
    }

    /// Reads until at least `least` bytes of the buffer are filled. A regular file returns less than there is room for at
    /// its end alone.
    fn fill(&self, offset: u64, least: usize, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut filled = 0;
        while filled < least {
            let rest = bytes.get_mut(filled..).unwrap_or_default();
            match self.reads.read_at(&self.file, rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
