//! An open file as a stream.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::SparingReads;

/// Reads a shared descriptor from the file's beginning, whatever its own position is, and leaves nothing behind in the
/// page cache where that can be helped.
pub(crate) struct FileReader {
    file: Arc<File>,
    reads: Arc<SparingReads>,
    offset: u64,
}

impl FileReader {
    /// A reader at the file's first byte.
    pub(crate) fn new(file: Arc<File>) -> Self {
        FileReader::with_reads(file, Arc::default())
    }

    /// The same, with what is known of the file system.
    pub(crate) fn with_reads(file: Arc<File>, reads: Arc<SparingReads>) -> Self {
        FileReader {
            file,
            reads,
            offset: 0,
        }
    }

    /// Goes on at this byte.
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reads.read_at(&self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
