//! A text of limited length that is made without an allocation.

use std::fmt;

const MAX_BYTES: usize = 128;

/// See the [module](self). Writing more than fits is an error.
pub(crate) struct ShortText {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Default for ShortText {
    fn default() -> Self {
        ShortText {
            bytes: [0; MAX_BYTES],
            length: 0,
        }
    }
}

impl ShortText {
    pub(crate) fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}
