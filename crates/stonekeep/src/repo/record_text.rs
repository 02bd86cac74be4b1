//! Reads records as a whole: meta files, pins, stamps, journals, the OPTIONS files of backups.
//!
//! They are texts of lines. What has a line without end is none of them, whatever size it has, and takes no memory.

use stonekeep_format::{WholeText, options};

use super::layout::RECORD_LIMIT_BYTES;
use crate::store::{self, Key, Object, Store};
use crate::{Result, whole_text};

/// How a line begins that may be long: the application's metadata, which has digits only.
const METADATA: &[u8] = b"metadata ";

/// Reads a record of the store.
///
/// # Errors
/// As [`Store::read`]; `Corrupt` also for a line without end.
pub(crate) fn read(store: &Store, key: &Key) -> Result<Vec<u8>> {
    of(store.open(key)?.as_ref(), key)
}

/// Reads an OPTIONS file of a backup.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_options(store: &Store, key: &Key) -> Result<Vec<u8>> {
    let object = store.open(key)?;
    store::require_at_most(object.as_ref(), key, options::LIMIT_BYTES)?;
    whole(object.as_ref(), key, WholeText::new())
}

/// Reads an open record.
///
/// # Errors
/// As [`read`].
pub(crate) fn of(object: &dyn Object, key: &Key) -> Result<Vec<u8>> {
    store::require_at_most(object, key, RECORD_LIMIT_BYTES)?;
    whole(object, key, WholeText::new().with_longer(METADATA))
}

fn whole(object: &dyn Object, key: &Key, text: WholeText) -> Result<Vec<u8>> {
    let read_at = &mut |buffer: &mut [u8], offset| object.read_at(buffer, offset);
    whole_text::read(text, key, object.size_bytes(), read_at)
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
        let metadata = [b"1\n", METADATA, &b"4D".repeat(5 << 20), b"\nanother\n"].concat();
        for text in [&b""[..], b"\0\0", b"one\n\0two", &metadata] {
            assert!(read_of(text).unwrap() == text, "{} bytes", text.len());
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        for begin in [&b""[..], b"{\"stonekeep_pin\":1}\n", METADATA] {
            let text = [begin, &vec![0; 12 << 20]].concat();
            let error = read_of(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(
                error.to_string().contains("meta/1: a line has more than"),
                "{error}"
            );
        }
    }
}
