//! Telling a MANIFEST of LevelDB from one of RocksDB: both begin with the same tags.

use crate::coding::Reader;
use crate::{FileKind, Result};

/// Whether an edit has no tag that LevelDB does not write (`db/version_edit.cc` of LevelDB, up to 1.23): comparator 1, log
/// number 2, next file number 3, last sequence 4, compact pointer 5, deleted file 6, new file 7, previous log number 9.
/// RocksDB has written tag 100 or more for every new file since its first release.
pub fn is_leveldb_edit(payload: &[u8]) -> bool {
    has_leveldb_tags(payload).unwrap_or(false)
}

fn has_leveldb_tags(payload: &[u8]) -> Result<bool> {
    let mut reader = Reader::new(FileKind::Manifest, 0, payload);
    while !reader.is_empty() {
        match reader.varint32()? {
            1 => drop(reader.length_prefixed()?),
            2..=4 | 9 => drop(reader.varint64()?),
            5 => {
                reader.varint32()?;
                reader.length_prefixed()?;
            }
            6 => {
                reader.varint32()?;
                reader.varint64()?;
            }
            7 => {
                reader.varint32()?;
                reader.varint64()?;
                reader.varint64()?;
                reader.length_prefixed()?;
                reader.length_prefixed()?;
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_leveldb_are_its_own() {
        let new_file = [7, 0, 5, 100, 2, b'a', b'b', 2, b'c', b'd'];
        let all: &[u8] = &[
            &[1, 1, b'x', 2, 9, 9, 0, 3, 10, 4, 200, 1, 5, 1, 1, b'k', 6, 0, 4][..],
            &new_file,
        ]
        .concat();
        assert!(is_leveldb_edit(all));
        assert!(is_leveldb_edit(&[]));
        for end in 1..new_file.len() {
            assert!(!is_leveldb_edit(&new_file[..end]), "cut at {end}");
        }
        // kNewFile2, kMinLogNumberToKeep, kColumnFamily, kDbId
        for tag in [&[100][..], &[10], &[200, 1], &[0x81, 0x40]] {
            assert!(!is_leveldb_edit(&[all, tag].concat()), "{tag:?}");
        }
    }
}
