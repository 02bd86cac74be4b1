//! The application's metadata in hex, of which no more is held than RocksDB lets anybody write.

use crate::Result;
use crate::backup_meta::line::Line;
use crate::backup_meta::{APP_METADATA_LIMIT_BYTES, MetaHead};

/// What is no hex digit.
const NONE: u8 = 16;
/// The value of each byte as a digit.
const DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
}

/// Metadata that are being read.
#[derive(Debug, Default)]
pub(super) struct AppMetadata {
    held: Vec<u8>,
    digits: u64,
    /// The first half of a byte.
    high: u8,
}

impl AppMetadata {
    /// The next digits. The line is for errors.
    pub(super) fn push(&mut self, line: &Line<'_>, hex: &[u8]) -> Result<()> {
        for byte in hex {
            let digit = DIGITS[usize::from(*byte)];
            if digit == NONE {
                return Err(no_hex(line));
            }
            if self.digits.is_multiple_of(2) {
                self.high = digit << 4;
            } else if self.held.len() < APP_METADATA_LIMIT_BYTES {
                self.held.push(self.high | digit);
            }
            self.digits += 1;
        }
        Ok(())
    }

    /// Puts them into a head.
    pub(super) fn finish(self, line: &Line<'_>, head: &mut MetaHead) -> Result<()> {
        if !self.digits.is_multiple_of(2) {
            return Err(no_hex(line));
        }
        head.app_metadata_omitted_bytes = self.digits / 2 - self.held.len() as u64;
        head.app_metadata = self.held;
        Ok(())
    }
}

fn no_hex(line: &Line<'_>) -> crate::FormatError {
    line.corrupt("the application's metadata are no hex")
}
