//! Lines of schema 1 as readers of many meta files need them: recognised without being taken apart.

use crate::Result;
use crate::backup_meta::decode::decode_line;
use crate::backup_meta::lines::Line;
use crate::backup_meta::{CRC32, MetaFile};

/// The decimal digits of the largest CRC-32C.
const MOST_DIGITS: usize = 10;

impl MetaFile {
    /// The file in a line of schema 1, newline not included; what the lines of a meta file have to be to each other is
    /// not looked at. Offsets in errors count from the start of the line.
    ///
    /// # Errors
    /// As [`BackupMeta::decode`](crate::backup_meta::BackupMeta::decode).
    pub fn decode_line(line: &[u8]) -> Result<Self> {
        let line = Line {
            offset: 0,
            text: line,
        };
        decode_line(&line, false)
    }
}

/// The length of what follows the path in a line that has a checksum, nothing else, and a newline at its end: from the
/// space behind the path to the newline, both included. `text` may go on with further lines; `None` if it does not begin
/// so, for whatever reason.
pub fn plain_line_end(text: &[u8]) -> Option<usize> {
    let text_of = |prefix: &[u8]| text.strip_prefix(b" ")?.strip_prefix(prefix)?.strip_prefix(b" ");
    let digits = text_of(CRC32.as_bytes())?;
    let (mut value, mut count) = (0u64, 0);
    loop {
        match digits.get(count)? {
            digit @ b'0'..=b'9' if count < MOST_DIGITS => value = value * 10 + u64::from(digit - b'0'),
            b'\n' if count > 0 => break,
            _ => return None,
        }
        count += 1;
    }
    let is_padded = count > 1 && digits.first() == Some(&b'0');
    let is_plain = !is_padded && u32::try_from(value).is_ok();
    is_plain.then(|| text.len() - digits.len() + count + 1)
}
