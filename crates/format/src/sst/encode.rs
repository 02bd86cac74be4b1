//! Small table files with chosen properties, for tests that need a database without RocksDB.
//!
//! Footer (format version 5, CRC-32C), metaindex, properties and index of such a file are right in every bit. There is
//! no data block and nothing in the index, so RocksDB opens it as a table without entries, whatever it claims to have.

use super::block::encode_entries;
use super::block_handle::{BLOCK_TRAILER_LEN, BlockHandle};
use super::{Footer, TableKind, TableProperties};
use crate::checksum::{ChecksumType, block_checksum};
use crate::coding::put_fixed32;

/// How many bytes the metaindex grows at most when the properties block moves: the varint of its offset.
const MAX_OFFSET_GROWTH: usize = 9;

/// A table file that begins with `payload`, which may be anything, and has these properties.
pub fn encode_minimal_table(properties: &TableProperties, payload: &[u8]) -> Vec<u8> {
    encode_with_gap(properties, payload, 0)
}

/// A table file of exactly `file_size` bytes with these properties and zeros for a payload. `None` if that is too small
/// for the properties, or not 9 bytes above what [`encode_minimal_table`] makes without payload.
pub fn encode_table_of_size(properties: &TableProperties, file_size: usize) -> Option<Vec<u8>> {
    let bare = encode_minimal_table(properties, &[]).len();
    let payload = vec![0; file_size.checked_sub(bare + MAX_OFFSET_GROWTH)?];
    // Where the properties block begins depends on the payload alone, so a gap behind it fills what is missing.
    let gap = file_size - encode_minimal_table(properties, &payload).len();
    Some(encode_with_gap(properties, &payload, gap))
}

fn encode_with_gap(properties: &TableProperties, payload: &[u8], gap: usize) -> Vec<u8> {
    let mut file = payload.to_vec();
    let index = put_block(&mut file, &encode_entries([]));
    let at_properties = put_block(&mut file, &properties.encode());
    file.resize(file.len() + gap, 0);
    let mut value = Vec::new();
    at_properties.encode(&mut value);
    let entry = (b"rocksdb.properties".as_slice(), value.as_slice());
    let metaindex = put_block(&mut file, &encode_entries([entry]));
    let footer = Footer {
        kind: TableKind::BlockBased,
        format_version: 5,
        checksum: ChecksumType::Crc32c,
        base_context_checksum: 0,
        metaindex,
        index,
        offset: file.len() as u64,
    };
    file.extend_from_slice(&footer.encode());
    file
}

fn put_block(file: &mut Vec<u8>, content: &[u8]) -> BlockHandle {
    let handle = BlockHandle {
        offset: file.len() as u64,
        size: content.len() as u64,
    };
    file.reserve(content.len() + BLOCK_TRAILER_LEN);
    file.extend_from_slice(content);
    file.push(0);
    put_fixed32(file, block_checksum(ChecksumType::Crc32c, content, 0));
    handle
}
