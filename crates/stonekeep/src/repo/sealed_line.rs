//! A record of one JSON line that ends with the checksum of what stands before it.
//!
//! ```text
//! {"stonekeep_undelete":1,"until_seconds":1796000000,"crc32c":2771873}
//! ```
//!
//! A digit that became another one would be a date as good as any, so what is damaged must be known. Records of earlier versions have no
//! checksum, and count as intact.

use crate::{Error, ErrorKind, Result};

/// What stands before the checksum.
const SEAL: &[u8] = b",\"crc32c\":";

/// The line of a value that serialises to an object with fields.
///
/// # Errors
/// If it cannot be serialised; `what` is for the message.
pub(super) fn seal(value: &impl serde::Serialize, what: &str) -> Result<Vec<u8>> {
    let failed = |error| Error::new(ErrorKind::Io, format!("writing {what}")).with_source(error);
    let mut text = serde_json::to_vec(value).map_err(failed)?;
    text.pop();
    let crc32c = crc32c::crc32c(&text);
    text.extend_from_slice(SEAL);
    text.extend_from_slice(crc32c.to_string().as_bytes());
    text.extend_from_slice(b"}\n");
    Ok(text)
}

/// Whether the checksum is right, or there is none.
pub(super) fn is_intact(text: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(text, SEAL) else {
        return true;
    };
    let (sealed, seal) = text.split_at(at);
    let recorded = seal
        .strip_prefix(SEAL)
        .and_then(|rest| rest.strip_suffix(b"}\n"))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    recorded == Some(crc32c::crc32c(sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Line {
        until_seconds: i64,
    }

    #[test]
    fn no_other_digit_passes() {
        let line = Line {
            until_seconds: 1_796_000_000,
        };
        let text = seal(&line, "a line").unwrap();
        assert!(text.starts_with(b"{\"until_seconds\":1796000000,\"crc32c\":") && text.ends_with(b"}\n"));
        assert!(is_intact(&text));
        assert!(is_intact(b"{\"until_seconds\":1796000000}\n"));
        let name = b"\"crc32c\"";
        let begin = text.windows(name.len()).position(|part| part == name).unwrap();
        let in_name = begin..begin + name.len();
        for at in (0..text.len()).filter(|at| text[*at].is_ascii_digit()) {
            // With another digit in its name there is no checksum.
            if in_name.contains(&at) {
                continue;
            }
            for digit in (b'0'..=b'9').filter(|digit| *digit != text[at]) {
                let mut other = text.clone();
                other[at] = digit;
                assert!(!is_intact(&other), "{}", String::from_utf8_lossy(&other));
            }
        }
    }
}
