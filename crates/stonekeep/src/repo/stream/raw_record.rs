//! Bytes of a record of RocksDB in a line of JSON: hexadecimal digits.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// A record as it is in its file, without the framing of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RawRecord(pub Vec<u8>);

impl From<RawRecord> for String {
    fn from(record: RawRecord) -> Self {
        let mut text = String::with_capacity(record.0.len() * 2);
        for byte in record.0 {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl TryFrom<String> for RawRecord {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes
            .map(RawRecord)
            .ok_or("a record is an even number of lower-case hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_hexadecimal() {
        let record = RawRecord((0..=255).collect());
        let text = String::from(record.clone());
        assert!(text.starts_with("000102") && text.ends_with("feff"));
        assert_eq!(RawRecord::try_from(text), Ok(record));
        assert_eq!(RawRecord::try_from(String::new()), Ok(RawRecord(Vec::new())));
        for bad in ["0", "000", "0g", "0A", "é"] {
            assert!(RawRecord::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
