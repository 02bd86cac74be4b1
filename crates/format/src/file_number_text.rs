//! A file number as it is written in a name, its leading zeros kept.

use std::fmt;

use crate::FileNumber;

/// The longest name that file systems take, in bytes (`NAME_MAX`).
const COMPONENT_MAX_BYTES: usize = 255;
/// RocksDB pads file numbers to six digits (`file/filename.cc`).
const USUAL_DIGITS: u8 = 6;

/// A file number and with how many digits it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FileNumberText {
    pub(crate) number: FileNumber,
    digits: u8,
}

impl FileNumberText {
    /// The number as RocksDB writes it.
    pub(crate) fn usual(number: FileNumber) -> Self {
        let shortest = number.0.checked_ilog10().unwrap_or(0) as u8 + 1;
        FileNumberText {
            number,
            digits: shortest.max(USUAL_DIGITS),
        }
    }

    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if self.digits != USUAL_DIGITS {
            return write!(out, "{:0width$}", self.number.0, width = usize::from(self.digits));
        }
        // Not padded by `write!`: a backup writes some hundred thousand names.
        let (mut digits, mut rest) = ([b'0'; USUAL_DIGITS as usize], self.number.0);
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        out.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Display for FileNumberText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Whether this can be a file's name in a directory: not empty, not too long, no path.
pub(crate) fn is_component(name: &str) -> bool {
    (1..=COMPONENT_MAX_BYTES).contains(&name.len()) && memchr::memchr2(b'/', 0, name.as_bytes()).is_none()
}

/// The decimal number that `text` begins with, and the rest; `None` without a digit or above 64 bits
/// (`ConsumeDecimalNumber` in `util/string_util.cc`).
pub(crate) fn take_number(text: &str) -> Option<(FileNumberText, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let number = FileNumber(digits.parse().ok()?);
    let digits = u8::try_from(length).ok()?;
    Some((FileNumberText { number, digits }, rest))
}

/// The text before and after the first such byte, which is an ASCII character.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
