//! The first line of a segment, which has a fixed length.
//!
//! ```text
//! stonekeep-wal 1 <header bytes, 10 digits> <payload bytes, 12 digits>\n
//! ```

use super::header_text::{VERSION, require_known};
use crate::{Error, Result};

const MAGIC: &[u8] = b"stonekeep-wal ";
const HEADER_DIGITS: usize = 10;
const PAYLOAD_DIGITS: usize = 12;
/// How long the line is, with its newline.
pub(super) const LINE_BYTES: usize = MAGIC.len() + 1 + 1 + HEADER_DIGITS + 1 + PAYLOAD_DIGITS + 1;
/// How long a header may be.
pub(super) const HEADER_LIMIT_BYTES: u64 = 16 << 20;

/// How long the parts of a segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstLine {
    pub(super) header_bytes: u64,
    pub(super) payload_bytes: u64,
}

impl FirstLine {
    /// The line.
    ///
    /// # Errors
    /// `InvalidArgument` for a header that is too long.
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let FirstLine {
            header_bytes,
            payload_bytes,
        } = self;
        if *header_bytes > HEADER_LIMIT_BYTES {
            let message =
                format!("the header of a segment has {header_bytes} bytes, more than {HEADER_LIMIT_BYTES}");
            return Err(Error::invalid(message));
        }
        Ok(format!("stonekeep-wal {VERSION} {header_bytes:010} {payload_bytes:012}\n").into_bytes())
    }

    /// The lengths in a line, of a segment that has so many bytes altogether.
    ///
    /// # Errors
    /// `Corrupt` for what is no such line, and if the lengths do not fit; `Unsupported` for another version.
    pub(super) fn read(name: &str, line: &[u8], size_bytes: u64) -> Result<Self> {
        let corrupt = |reason: &str| Error::corrupt(name, reason);
        let rest = line.strip_prefix(MAGIC);
        let rest = rest.ok_or_else(|| corrupt("it does not begin as a segment does"))?;
        let damaged = || corrupt("its first line is damaged");
        let (version, rest) = rest.split_at_checked(1).ok_or_else(damaged)?;
        let version = number(version).ok_or_else(damaged)?;
        require_known(name, u32::try_from(version).unwrap_or(u32::MAX))?;
        let lengths = rest
            .strip_prefix(b" ")
            .and_then(|rest| rest.split_at_checked(HEADER_DIGITS))
            .and_then(|(header, rest)| Some((header, rest.strip_prefix(b" ")?.strip_suffix(b"\n")?)))
            .filter(|(_, payload)| payload.len() == PAYLOAD_DIGITS);
        let (header, payload) = lengths.ok_or_else(damaged)?;
        let line = FirstLine {
            header_bytes: number(header).ok_or_else(damaged)?,
            payload_bytes: number(payload).ok_or_else(damaged)?,
        };
        line.check(name, size_bytes)?;
        Ok(line)
    }

    fn check(&self, name: &str, size_bytes: u64) -> Result<()> {
        if self.header_bytes > HEADER_LIMIT_BYTES {
            let header_bytes = self.header_bytes;
            let reason = format!(
                "its header has {header_bytes} bytes, more than the {HEADER_LIMIT_BYTES} that it may have"
            );
            return Err(Error::corrupt(name, reason));
        }
        // Numbers of so few digits do not overflow.
        let wanted = LINE_BYTES as u64 + self.header_bytes + self.payload_bytes;
        if wanted == size_bytes {
            return Ok(());
        }
        let reason = format!("it has {size_bytes} bytes instead of {wanted}");
        Err(Error::corrupt(name, reason))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = digits.iter().all(u8::is_ascii_digit);
    plain
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}
