//! The compressed bytes of a segment, from the store.

use std::io::{self, Read};

use crate::Error;
use crate::store::{Key, Object};

/// Reads a payload up to an end that is moved on from part to part.
pub(super) struct PayloadReader<'a> {
    pub(super) object: Box<dyn Object>,
    pub(super) key: &'a Key,
    pub(super) offset: u64,
    /// The end of the part.
    pub(super) end: u64,
    /// Checksum of what was read.
    pub(super) crc32c: u32,
}

impl Read for PayloadReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match self.object.read_at(buffer, self.offset) {
            Ok(0) => {
                let cut = Error::corrupt(self.key.as_str(), "it is cut short");
                return Err(io::Error::other(cut));
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let error = Error::of_content(self.key, error);
                return Err(io::Error::other(error));
            }
        };
        self.crc32c = crc32c::crc32c_append(self.crc32c, buffer.get(..count).unwrap_or_default());
        self.offset += count as u64;
        Ok(count)
    }
}
