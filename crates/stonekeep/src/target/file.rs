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
        let (mut bytes, mut filled) = (vec![0; length], 0);
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
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
