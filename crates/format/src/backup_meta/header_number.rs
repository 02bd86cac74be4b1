//! A number on a line of its own, read as RocksDB reads it.

use std::borrow::Cow;

/// The timestamp or the sequence number of a meta file.
///
/// RocksDB reads them with `strtoull`, which makes a number of anything. So does this, but it keeps the text that is
/// no plain number, to show it and to write it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct HeaderNumber {
    value: u64,
    garbage: Option<Box<[u8]>>,
}

impl HeaderNumber {
    /// The number in a line, newline not included.
    pub(crate) fn decode(line: &[u8]) -> Self {
        let value = strtoull(line);
        let plain = value.to_string().as_bytes() == line;
        HeaderNumber {
            value,
            garbage: (!plain).then(|| line.into()),
        }
    }

    /// What RocksDB takes the line for.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The line, if it is not the plain number that engines write.
    pub fn garbage(&self) -> Option<Cow<'_, str>> {
        self.garbage.as_deref().map(String::from_utf8_lossy)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match &self.garbage {
            Some(line) => out.extend_from_slice(line),
            None => out.extend_from_slice(self.value.to_string().as_bytes()),
        }
    }
}

impl From<u64> for HeaderNumber {
    fn from(value: u64) -> Self {
        HeaderNumber { value, garbage: None }
    }
}

impl From<i64> for HeaderNumber {
    /// RocksDB writes a time before 1970 as the unsigned number of the same bits.
    fn from(value: i64) -> Self {
        HeaderNumber::from(value as u64)
    }
}

/// C's `strtoull` in base 10: white space, a sign, digits; 0 without a digit; the largest number where it would be
/// exceeded; a negative number wraps around.
fn strtoull(text: &[u8]) -> u64 {
    let is_space = |byte: &u8| matches!(byte, b' ' | 0x09..=0x0d);
    let text = &text[text.iter().take_while(|byte| is_space(byte)).count()..];
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .try_fold(0u64, |value, byte| {
            value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
        });
    match value {
        None => u64::MAX,
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_a_number_to_strtoull() {
        for (text, value) in [
            ("", 0),
            ("x12", 0),
            ("12x", 12),
            (" \t\r12 13", 12),
            ("+7", 7),
            ("-1", u64::MAX),
            ("--1", 0),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("-18446744073709551616", u64::MAX),
            ("0x10", 0),
        ] {
            assert_eq!(strtoull(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn only_malformed_numbers_are_kept_as_text() {
        for plain in ["0", "1735689600", "18446744073709551615"] {
            assert_eq!(HeaderNumber::decode(plain.as_bytes()).garbage(), None, "{plain}");
        }
        for garbage in ["", "01", "+1", "1 ", "1\r", "18446744073709551616"] {
            let number = HeaderNumber::decode(garbage.as_bytes());
            assert_eq!(number.garbage().as_deref(), Some(garbage));
        }
    }
}
