//! A visible or staged file as a stream.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use stonekeep_format::Crc32c;

use super::Object;
use super::page_cache::SparingReads;
use crate::{Error, Observer, Result};

/// How much is read at a time for a checksum alone.
const CHECKSUM_BUFFER_BYTES: usize = 256 << 10;

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

/// Reads a shared descriptor from the file's beginning, whatever its own position is, and leaves nothing behind in the
/// page cache where that can be helped.
pub struct FileReader {
    file: Arc<File>,
    reads: Arc<SparingReads>,
    offset: u64,
}

impl FileReader {
    /// A reader at the file's first byte.
    pub fn new(file: Arc<File>) -> Self {
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

/// The checksum of a stored file; ends when somebody asks to stop. `name` is for messages.
///
/// # Errors
/// `Stopped`, and I/O errors.
pub(crate) fn checksum(object: &dyn Object, name: &str, observer: &dyn Observer) -> Result<Crc32c> {
    let mut reader = ObjectReader::new(object);
    let (mut buffer, mut crc) = (vec![0; CHECKSUM_BUFFER_BYTES], 0);
    while !observer.should_stop() {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Crc32c(crc)),
            Ok(count) => crc = crc32c::crc32c_append(crc, buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {name}"), error)),
        }
    }
    Err(Error::stopped())
}
