//! The checksum of a file that is read in about its order.

use std::io;

use stonekeep_format::Crc32c;
use stonekeep_format::sst::walk::ReadAt;

use crate::store::Object;

/// How much of what no parser has read is read at a time.
const REST_BYTES: usize = 256 << 10;

/// Reads any part of a file. The checksum is that of the bytes before a point which moves on as those behind it are read; what was read
/// out of order is read again at the end. So little is: parsers begin with the last bytes of a table.
pub(super) struct Front<'a> {
    object: &'a dyn Object,
    count: &'a dyn Fn(u64) -> io::Result<()>,
    end: u64,
    crc32c: u32,
}

impl<'a> Front<'a> {
    pub(super) fn new(object: &'a dyn Object, count: &'a dyn Fn(u64) -> io::Result<()>) -> Self {
        Front {
            object,
            count,
            end: 0,
            crc32c: 0,
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.object.size_bytes()
    }

    fn add(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let behind = offset + bytes.len() as u64;
        if offset > self.end || behind <= self.end {
            return Ok(());
        }
        let known = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        self.crc32c = crc32c::crc32c_append(self.crc32c, new);
        self.end = behind;
        (self.count)(new.len() as u64)
    }

    /// Reads the next bytes behind the point, for a parser that reads from the beginning to the end; 0 at the end.
    pub(super) fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (offset, left) = (self.end, self.size_bytes() - self.end);
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let part = buffer.get_mut(..len).unwrap_or_default();
        self.read_at(offset, part)?;
        Ok(len)
    }

    /// Reads what is left, and gives the checksum of the file.
    pub(super) fn finish(mut self) -> io::Result<Crc32c> {
        let mut buffer = vec![0; REST_BYTES];
        while self.next(&mut buffer)? > 0 {}
        let (opened, now) = (self.size_bytes(), self.object.size_bytes_now()?);
        if opened != now {
            let message = format!("it had {opened} bytes when it was opened, and has {now} now");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(Crc32c(self.crc32c))
    }
}

impl ReadAt for Front<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.object.read_at(rest, offset + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.add(offset, buffer)
    }
}
