//! Reads records as a whole: meta files, pins, stamps, journals.
//!
//! They are texts of lines. What has a line without end is none of them, whatever size it has, and takes no memory.

use std::io;

use super::layout::RECORD_LIMIT_BYTES;
use crate::store::{self, Key, Object, Store};
use crate::{Error, Result};

/// No line is longer, but the application's metadata.
const LINE_BYTES: usize = 4 << 20;
/// How such a line begins, which has digits only.
const METADATA: &[u8] = b"metadata ";

/// Reads a record of the store.
///
/// # Errors
/// As [`Store::read`]; `Corrupt` also for a line without end.
pub(crate) fn read(store: &Store, key: &Key) -> Result<Vec<u8>> {
    of(store.open(key)?.as_ref(), key)
}

/// Reads an open record.
///
/// # Errors
/// As [`read`].
pub(crate) fn of(object: &dyn Object, key: &Key) -> Result<Vec<u8>> {
    store::require_at_most(object, key, RECORD_LIMIT_BYTES)?;
    let size = object.size_bytes() as usize;
    let (mut text, mut line, mut filled) = (Vec::new(), 0, 0);
    while filled < size {
        text.resize(size.min(filled + LINE_BYTES), 0);
        let piece = text.get_mut(filled..).unwrap_or_default();
        match object.read_at(piece, filled as u64) {
            Ok(0) => break,
            Ok(count) => {
                let piece = piece.get(..count).unwrap_or_default();
                let has_zero = memchr::memchr(0, piece).is_some();
                line = memchr::memrchr(b'\n', piece).map_or(line, |at| filled + at + 1);
                filled += count;
                let unended = text.get(line..filled).unwrap_or_default();
                if unended.len() > LINE_BYTES && (has_zero || !unended.starts_with(METADATA)) {
                    let reason = format!("a line has more than {LINE_BYTES} bytes");
                    return Err(Error::corrupt(key.as_str(), reason));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {key}"), error)),
        }
    }
    text.truncate(filled);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::store::memory::MemoryStore;
    use crate::store::{Durability, PutContent, PutMode};

    fn read_of(text: &[u8]) -> Result<Vec<u8>> {
        let store = MemoryStore::new();
        store.create_root(Durability::Durable)?;
        let key = Key::new("meta/1")?;
        store.put(
            "r",
            &key,
            PutContent::Bytes(text),
            PutMode::Replace,
            Durability::Durable,
        )?;
        read(&store, &key)
    }

    #[test]
    fn a_record_is_read_as_it_is() {
        let lines = b"a line\n".repeat(2 * LINE_BYTES / 7);
        let metadata = [b"1\n", METADATA, &b"4D".repeat(LINE_BYTES), b"\nanother\n"].concat();
        for text in [
            &b""[..],
            b"\0\0",
            b"one\n\0two",
            &lines,
            &metadata,
            &vec![b'x'; LINE_BYTES],
        ] {
            assert!(read_of(text).unwrap() == text, "{} bytes", text.len());
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let begins = [&b""[..], b"{\"stonekeep_pin\":1}\n", METADATA];
        for begin in begins {
            let text = [begin, &vec![0; 3 * LINE_BYTES]].concat();
            let error = read_of(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("a line has more than"), "{error}");
        }
        assert!(read_of(&vec![b'x'; 2 * LINE_BYTES]).is_err());
    }
}
