//! Reading a file whose checksum is known: its last bytes are handed on only if it is right.

use std::io::{self, Read};

use stonekeep_format::Crc32c;

use super::transfer::Metered;
use crate::Error;

/// A file that becomes an error instead of its last bytes where its checksum is wrong: a store that gives a file its name as
/// soon as all of it is there must never have all of a wrong one.
pub(super) struct Checked<'a, R> {
    pub(super) inner: Metered<'a, R>,
    pub(super) wanted: Option<Crc32c>,
    pub(super) wrong: &'a dyn Fn(String) -> Error,
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let found = self.inner.crc32c();
        match self.wanted.filter(|_| self.inner.left() == 0) {
            Some(wanted) if wanted != found => {
                let reason = format!("its checksum is {found:#010x} instead of {wanted:#010x}");
                Err(io::Error::other((self.wrong)(reason)))
            }
            _ => Ok(count),
        }
    }
}
