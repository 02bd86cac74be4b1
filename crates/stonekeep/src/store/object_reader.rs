//! A visible or staged file as a stream.

use std::cmp::Ordering;
use std::io::{self, Read};

use stonekeep_format::Crc32c;

use super::Object;
use crate::{Error, Observer, Result};

/// How much is read at a time for a checksum alone.
const CHECKSUM_BUFFER_BYTES: usize = 256 << 10;

/// Reads an object from its beginning. At its end the length must be the one that it was opened with: else it is an error
/// of the kind `UnexpectedEof`, if the object is shorter now, or `Other`.
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
        if self.offset >= self.object.size_bytes() || (count == 0 && !buffer.is_empty()) {
            require_same_size(self.object)?;
        }
        Ok(count)
    }
}

fn require_same_size(object: &dyn Object) -> io::Result<()> {
    let (opened, now) = (object.size_bytes(), object.size_bytes_now()?);
    let kind = match now.cmp(&opened) {
        Ordering::Equal => return Ok(()),
        Ordering::Less => io::ErrorKind::UnexpectedEof,
        Ordering::Greater => io::ErrorKind::Other,
    };
    let message = format!("it had {opened} bytes when it was opened, and has {now} now");
    Err(io::Error::new(kind, message))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::ErrorKind;
    use crate::store::LocalFile;
    use crate::{Progress, Quiet};

    const CONTENT: &[u8] = b"123456789";

    /// Has a problem once, in the middle.
    struct Troubled(Mutex<Option<io::ErrorKind>>);

    impl Object for Troubled {
        fn size_bytes(&self) -> u64 {
            CONTENT.len() as u64
        }

        fn size_bytes_now(&self) -> io::Result<u64> {
            Ok(CONTENT.len() as u64)
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            if offset > 0
                && let Some(problem) = self.0.lock().unwrap().take()
            {
                return Err(problem.into());
            }
            let rest = &CONTENT[offset as usize..];
            let count = rest.len().min(buffer.len()).min(5);
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }

        fn local_file(&self) -> Option<LocalFile<'_>> {
            None
        }
    }

    struct Stops;

    impl Observer for Stops {
        fn progressed(&self, _: &Progress) {}

        fn should_stop(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_checksum_is_that_of_every_byte_or_an_error() {
        let of = |problem| checksum(&Troubled(Mutex::new(problem)), "meta/1", &Quiet);
        // The check value of CRC-32C.
        let right = Crc32c(0xe306_9283);
        assert_eq!(of(None).unwrap(), right);
        assert_eq!(of(Some(io::ErrorKind::Interrupted)).unwrap(), right);
        let error = of(Some(io::ErrorKind::TimedOut)).unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::TimedOut));
        assert_eq!(error.to_string(), "reading meta/1");
        let stopped = checksum(&Troubled(Mutex::default()), "meta/1", &Stops).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Stopped);
    }
}
