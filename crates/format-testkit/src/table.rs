//! Small table files with chosen properties; see `stonekeep_format::sst` for the layout.
//!
//! Footer (format version 5, CRC-32C), metaindex, properties and index of such a file are right in every bit. There is
//! no data block and nothing in the index, so RocksDB opens it as a table without entries, whatever it claims to have.

use std::collections::BTreeMap;

use stonekeep_format::checksum::{ChecksumType, block_checksum, context_modifier};
use stonekeep_format::sst::{BLOCK_TRAILER_LEN, BlockHandle, Footer, TableKind, TableProperties};

use crate::Encode;
use crate::coding::{put_fixed32, put_fixed64, put_varint32, put_varint64};

/// Names of properties to values.
type Raw = BTreeMap<Vec<u8>, Vec<u8>>;

const HANDLES_LEN: usize = 40;
/// Where the footer's own checksum is, after checksum type and extended magic.
const CHECKSUM_AT: usize = 5;
const EXTENDED_MAGIC: [u8; 4] = [0x3e, 0x00, 0x7a, 0x00];
/// The first format version with a checksum of the footer and context in every checksum.
const FIRST_WITH_CONTEXT: u32 = 6;
/// How many bytes the metaindex grows at most when the properties block moves: the varint of its offset.
const MAX_OFFSET_GROWTH: usize = 9;

const GLOBAL_SEQNO: &str = "rocksdb.external_sst_file.global_seqno";
const EXTERNAL_VERSION: &str = "rocksdb.external_sst_file.version";
const DB_ID: &str = "rocksdb.creating.db.identity";
const DB_SESSION_ID: &str = "rocksdb.creating.session.identity";
const DB_HOST_ID: &str = "rocksdb.creating.host.identity";
const ORIG_FILE_NUMBER: &str = "rocksdb.original.file.number";
const COLUMN_FAMILY_ID: &str = "rocksdb.column.family.id";
const COLUMN_FAMILY_NAME: &str = "rocksdb.column.family.name";
const NUM_ENTRIES: &str = "rocksdb.num.entries";
const NUM_DELETIONS: &str = "rocksdb.deleted.keys";
const NUM_MERGE_OPERANDS: &str = "rocksdb.merge.operands";
const NUM_RANGE_DELETIONS: &str = "rocksdb.num.range-deletions";
const DATA_SIZE: &str = "rocksdb.data.size";
const RAW_KEY_SIZE: &str = "rocksdb.raw.key.size";
const RAW_VALUE_SIZE: &str = "rocksdb.raw.value.size";
const COMPARATOR: &str = "rocksdb.comparator";
const COMPRESSION: &str = "rocksdb.compression";
const FILTER_POLICY: &str = "rocksdb.filter.policy";
const FORMAT_VERSION: &str = "rocksdb.format.version";
const CREATION_TIME: &str = "rocksdb.creation.time";
const FILE_CREATION_TIME: &str = "rocksdb.file.creation.time";
const OLDEST_KEY_TIME: &str = "rocksdb.oldest.key.time";
const KEY_SMALLEST_SEQNO: &str = "rocksdb.key.smallest.seqno";
const KEY_LARGEST_SEQNO: &str = "rocksdb.key.largest.seqno";

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
    Trailing {
        index,
        properties: at_properties,
    }
    .put(&mut file);
    file
}

/// What metaindex and footer name.
pub(crate) struct Trailing {
    pub(crate) index: BlockHandle,
    pub(crate) properties: BlockHandle,
}

impl Trailing {
    /// Adds metaindex and footer to a file that has everything else.
    pub(crate) fn put(&self, file: &mut Vec<u8>) {
        let mut value = Vec::new();
        put_handle(&mut value, self.properties);
        let entry = (b"rocksdb.properties".as_slice(), value.as_slice());
        let metaindex = put_block(file, &encode_entries([entry]));
        let footer = Footer {
            kind: TableKind::BlockBased,
            format_version: 5,
            checksum: ChecksumType::Crc32c,
            base_context_checksum: 0,
            metaindex,
            index: self.index,
            offset: file.len() as u64,
        };
        file.extend_from_slice(&footer.encode());
    }
}

pub(crate) fn put_block(file: &mut Vec<u8>, content: &[u8]) -> BlockHandle {
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

impl Encode for Footer {
    /// The footer's bytes; padding is zero.
    fn encode(&self) -> Vec<u8> {
        let legacy = self.format_version == 0;
        let mut out = Vec::new();
        if !legacy {
            out.push(self.checksum.number());
        }
        let handles_end = out.len() + HANDLES_LEN;
        if self.format_version >= FIRST_WITH_CONTEXT {
            out.extend_from_slice(&EXTENDED_MAGIC);
            put_fixed32(&mut out, 0);
            put_fixed32(&mut out, self.base_context_checksum);
            put_fixed32(&mut out, self.metaindex.size as u32);
        } else {
            put_handle(&mut out, self.metaindex);
            put_handle(&mut out, self.index);
        }
        out.resize(handles_end, 0);
        if !legacy {
            put_fixed32(&mut out, self.format_version);
        }
        put_fixed64(&mut out, magic(self.kind, legacy));
        if self.format_version >= FIRST_WITH_CONTEXT {
            let sum = own_checksum(&out, self.checksum, self.base_context_checksum, self.offset);
            out[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
        }
        out
    }
}

/// The magic number. A legacy cuckoo table, which RocksDB never had, gets none.
fn magic(kind: TableKind, legacy: bool) -> u64 {
    match (kind, legacy) {
        (TableKind::BlockBased, false) => 0x88e2_41b7_85f4_cff7,
        (TableKind::BlockBased, true) => 0xdb47_7524_8b80_fb57,
        (TableKind::Plain, false) => 0x8242_2296_63bf_9564,
        (TableKind::Plain, true) => 0x4f34_18eb_7a8f_13b8,
        (TableKind::Cuckoo, false) => 0x9267_89d0_c5f1_7873,
        _ => 0,
    }
}

/// The checksum of a footer with the field of the checksum zeroed.
fn own_checksum(footer: &[u8], kind: ChecksumType, base: u32, offset: u64) -> u32 {
    let mut copy = footer.to_vec();
    copy[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    let last = copy.pop().unwrap_or_default();
    block_checksum(kind, &copy, last).wrapping_add(context_modifier(base, offset))
}

pub(crate) fn put_handle(out: &mut Vec<u8>, handle: BlockHandle) {
    put_varint64(out, handle.offset);
    put_varint64(out, handle.size);
}

/// A meta block with these entries, which must ascend. No prefixes are shared, so that each entry is a restart; one is
/// enough for a reader that scans.
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in entries {
        put_varint32(&mut out, 0);
        put_varint32(&mut out, key.len() as u32);
        put_varint32(&mut out, value.len() as u32);
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    }
    put_fixed32(&mut out, 0);
    put_fixed32(&mut out, 1);
    out
}

impl Encode for TableProperties {
    /// The properties block; `None`s are left out.
    fn encode(&self) -> Vec<u8> {
        let raw = raw(self);
        encode_entries(
            raw.iter()
                .map(|(name, value)| (name.as_slice(), value.as_slice())),
        )
    }
}

fn raw(properties: &TableProperties) -> Raw {
    let mut raw = properties.others.clone();
    let r = &mut raw;
    put_text(r, DB_ID, &properties.db_id);
    put_text(r, DB_SESSION_ID, &properties.db_session_id);
    put_text(r, DB_HOST_ID, &properties.db_host_id);
    put_number(
        r,
        ORIG_FILE_NUMBER,
        properties.orig_file_number.map(|number| number.0),
    );
    put_number(
        r,
        COLUMN_FAMILY_ID,
        properties.column_family_id.map(|id| u64::from(id.0)),
    );
    put_text(r, COLUMN_FAMILY_NAME, &properties.column_family_name);
    put_number(r, NUM_ENTRIES, properties.num_entries);
    put_number(r, NUM_DELETIONS, properties.num_deletions);
    put_number(r, NUM_MERGE_OPERANDS, properties.num_merge_operands);
    put_number(r, NUM_RANGE_DELETIONS, properties.num_range_deletions);
    put_number(r, DATA_SIZE, properties.data_size);
    put_number(r, RAW_KEY_SIZE, properties.raw_key_size);
    put_number(r, RAW_VALUE_SIZE, properties.raw_value_size);
    put_text(r, COMPARATOR, &properties.comparator);
    put_text(r, COMPRESSION, &properties.compression_name);
    put_text(r, FILTER_POLICY, &properties.filter_policy);
    put_number(r, FORMAT_VERSION, properties.format_version);
    put_number(r, CREATION_TIME, properties.creation_time);
    put_number(r, FILE_CREATION_TIME, properties.file_creation_time);
    put_number(r, OLDEST_KEY_TIME, properties.oldest_key_time);
    put_number(
        r,
        KEY_SMALLEST_SEQNO,
        properties.key_smallest_seqno.map(|seqno| seqno.0),
    );
    put_number(
        r,
        KEY_LARGEST_SEQNO,
        properties.key_largest_seqno.map(|seqno| seqno.0),
    );
    put_fixed(
        r,
        EXTERNAL_VERSION,
        properties.external_version.map(u32::to_le_bytes),
    );
    put_fixed(
        r,
        GLOBAL_SEQNO,
        properties
            .external_global_seqno
            .map(|seqno| seqno.0.to_le_bytes()),
    );
    raw
}

fn put_text(raw: &mut Raw, name: &str, text: &Option<String>) {
    if let Some(text) = text {
        raw.insert(name.into(), text.as_bytes().to_vec());
    }
}

fn put_number(raw: &mut Raw, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        let mut value = Vec::new();
        put_varint64(&mut value, number);
        raw.insert(name.into(), value);
    }
}

fn put_fixed<const N: usize>(raw: &mut Raw, name: &str, bytes: Option<[u8; N]>) {
    if let Some(bytes) = bytes {
        raw.insert(name.into(), bytes.to_vec());
    }
}
