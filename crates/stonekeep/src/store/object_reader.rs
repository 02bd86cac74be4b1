//! A visible or staged file as a stream.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::Object;

/// Reads an object from its beginning.
pub struct ObjectReader<'a> {
    object: &'a dyn Object,
    offset: u64,
}

impl<'a> ObjectReader<'a> {
    /// A reader at the object's first byte.
    pub fn new(object: &'a dyn Object) -> Self {
        ObjectReader { object, offset: 0 }
    }
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.object.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Reads a shared descriptor from the file's beginning, whatever its own position is.
pub struct FileReader {
    file: Arc<File>,
    offset: u64,
}

impl FileReader {
    /// A reader at the file's first byte.
    pub fn new(file: Arc<File>) -> Self {
        FileReader { file, offset: 0 }
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
