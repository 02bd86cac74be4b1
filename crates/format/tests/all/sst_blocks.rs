//! Meta blocks as no RocksDB writes them, in plain tables, which have no checksums.

use stonekeep_format::checksum::ChecksumType;
use stonekeep_format::sst::{BlockHandle, Footer, ReadError, TableKind, TableProperties};
use stonekeep_format::{FormatError, Problem};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::coding::{put_fixed32, put_varint32, put_varint64};

use crate::sst_fixtures::read;

/// An entry with a key that shares `shared` bytes with the one before it.
fn entry(shared: u32, rest: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint32(&mut out, shared);
    put_varint32(&mut out, rest.len() as u32);
    put_varint32(&mut out, value.len() as u32);
    [out.as_slice(), rest, value].concat()
}

fn block(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    put_fixed32(&mut out, 0);
    put_fixed32(&mut out, 1);
    out
}

fn handle(offset: u64, size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint64(&mut out, offset);
    put_varint64(&mut out, size);
    out
}

/// A plain table: what stands before the metaindex, and the metaindex.
fn plain_table(before: &[u8], metaindex: &[u8]) -> Vec<u8> {
    let footer = Footer {
        kind: TableKind::Plain,
        format_version: 0,
        checksum: ChecksumType::Crc32c,
        base_context_checksum: 0,
        metaindex: BlockHandle {
            offset: before.len() as u64,
            size: metaindex.len() as u64,
        },
        index: BlockHandle::default(),
        offset: (before.len() + metaindex.len()) as u64,
    };
    [before, metaindex, &footer.encode()].concat()
}

/// A table with this properties block.
fn table_with(properties: &[u8]) -> Vec<u8> {
    let place = handle(0, properties.len() as u64);
    plain_table(properties, &block(&[entry(0, b"rocksdb.properties", &place)]))
}

fn format_error(file: &[u8]) -> FormatError {
    match read(file) {
        Err(ReadError::Format(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn corrupt_reason(file: &[u8]) -> String {
    match format_error(file).problem {
        Problem::Corrupt(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_share_prefixes() {
    let properties = block(&[
        entry(0, b"rocksdb.num.entries", b"\x07"),
        entry(12, b"range-deletions", b"\x02"),
    ]);
    let read = read(&table_with(&properties)).expect("a right table").properties;
    assert_eq!((read.num_entries, read.num_range_deletions), (Some(7), Some(2)));
    assert!(read.others.is_empty());
}

#[test]
fn a_table_without_properties_says_nothing() {
    let metaindex = block(&[entry(0, b"filter.leveldb.BuiltinBloomFilter2", &handle(0, 4))]);
    let tail = read(&plain_table(b"data", &metaindex)).expect("a right table");
    assert_eq!(tail.properties, TableProperties::default());
}

#[test]
fn the_old_name_of_the_properties_is_known() {
    let properties = block(&[entry(0, b"rocksdb.num.entries", b"\x07")]);
    let metaindex = block(&[entry(0, b"rocksdb.stats", &handle(0, properties.len() as u64))]);
    let tail = read(&plain_table(&properties, &metaindex)).expect("a right table");
    assert_eq!(tail.properties.num_entries, Some(7));
}

#[test]
fn properties_outside_of_the_file_are_damage() {
    for place in [
        handle(0, 1000),
        handle(u64::MAX, 1),
        handle(u64::MAX, u64::MAX),
        handle(400, 0),
    ] {
        let file = plain_table(b"data", &block(&[entry(0, b"rocksdb.properties", &place)]));
        assert!(
            corrupt_reason(&file).ends_with("is not before the footer"),
            "{place:?}"
        );
    }
    let file = plain_table(b"data", &block(&[entry(0, b"rocksdb.properties", b"\x80")]));
    let error = format_error(&file);
    assert_eq!(error.to_string(), "table file at byte 25: a varint is cut short");
}

#[test]
fn keys_that_do_not_ascend_are_damage() {
    for second in [
        entry(0, b"b", b""),
        entry(0, b"a", b""),
        entry(1, b"", b""),
        entry(0, b"", b""),
    ] {
        let file = table_with(&block(&[entry(0, b"b", b""), second]));
        assert_eq!(corrupt_reason(&file), "the keys of a meta block do not ascend");
    }
}

#[test]
fn block_entries_that_exceed_the_block_are_damage() {
    let file = table_with(&block(&[entry(0, b"ab", b""), entry(3, b"c", b"")]));
    assert_eq!(
        corrupt_reason(&file),
        "an entry shares more than the key before it has"
    );
    assert_eq!(format_error(&file).offset, 5);
    for cut in [
        &b"\x00\x09\x00k"[..],
        b"\x00\x01\x09k",
        b"\x00\x01",
        b"\x00\xff\xff\xff\xff\x0f\x00",
    ] {
        corrupt_reason(&table_with(&block(&[cut.to_vec()])));
    }
}

#[test]
fn a_block_has_room_for_its_restarts() {
    corrupt_reason(&table_with(b""));
    corrupt_reason(&table_with(b"\x01\x00\x00"));
    let reason = corrupt_reason(&table_with(b"\x00\x00\x00\x00\x02\x00\x00\x00"));
    assert_eq!(reason, "2 restarts do not fit the block");
    let features = format_error(&table_with(b"\x00\x00\x00\x00\x01\x00\x00\x10"));
    assert!(features.is_unsupported());
    assert_eq!(features.offset, 4);
}

/// Each entry repeats the long first key and adds to it, so that 200 KB would become ten gigabytes.
#[test]
fn shared_prefixes_do_not_exhaust_memory() {
    let mut entries = vec![entry(0, &[b'a'; 100_000], b"")];
    entries.extend((0..20_000).map(|i| entry(100_000 + i, b"a", b"")));
    let error = format_error(&table_with(&block(&entries)));
    assert!(error.is_unsupported(), "{error}");
}
