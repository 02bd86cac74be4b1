//! Walks through tables whose blocks are made up, without checksums to hide behind.

use std::io;

use proptest::prelude::*;
use stonekeep_format::sst::walk::{WalkOptions, walk_table};
use stonekeep_format::sst::{ReadError, TableProperties};
use stonekeep_format_testkit::blocks::Blocks;
use stonekeep_format_testkit::table::encode_entries;

use crate::sst_walk::{Seen, walk};

const SNAPPY: u8 = 1;

fn internal(user: &str, sequence: u64, number: u8) -> Vec<u8> {
    let packed = sequence << 8 | u64::from(number);
    [user.as_bytes(), &packed.to_le_bytes()].concat()
}

fn block(entries: &[(Vec<u8>, &[u8])]) -> Vec<u8> {
    encode_entries(entries.iter().map(|(key, value)| (key.as_slice(), *value)))
}

/// An index of separators and sizes of blocks that follow each other.
fn index(separators: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let mut offset = 0;
    let mut entries = Vec::new();
    for (separator, size) in separators {
        let mut handle = Vec::new();
        stonekeep_format_testkit::coding::put_varint64(&mut handle, offset);
        stonekeep_format_testkit::coding::put_varint64(&mut handle, *size as u64);
        entries.push((separator.clone(), handle));
        offset += *size as u64 + 5;
    }
    encode_entries(
        entries
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_slice())),
    )
}

fn bytewise() -> TableProperties {
    TableProperties {
        comparator: Some("leveldb.BytewiseComparator".to_owned()),
        ..TableProperties::default()
    }
}

/// What a walk finds in a table of two data blocks with these separators.
fn findings(first: &[(Vec<u8>, &[u8])], second: &[(Vec<u8>, &[u8])], separators: [&str; 2]) -> Vec<String> {
    let (first, second) = (block(first), block(second));
    let [one, other] = separators.map(|user| internal(user, 0, 0));
    let table = Blocks {
        format_version: 2,
        data: vec![(&first, 0), (&second, 0)],
        index: (&index(&[(one, first.len()), (other, second.len())]), 0),
        meta: Vec::new(),
    };
    let (summary, seen) = walk(&table.encode(&bytewise()));
    assert_eq!(summary.unwrap().counts.data_blocks, 2);
    seen.findings
}

fn reason(findings: &[String]) -> &str {
    let [finding] = findings else {
        panic!("{findings:?}");
    };
    finding.rsplit(": ").next().unwrap()
}

#[test]
fn keys_and_separators_must_ascend() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|user| (internal(user, 7, 1), b"value".as_slice()));
    let [a, b, c, d] = [&a, &b, &c, &d].map(Clone::clone);
    let pair = |x: &(Vec<u8>, &'static [u8]), y: &(Vec<u8>, &'static [u8])| [x.clone(), y.clone()];
    let none: Vec<String> = Vec::new();
    assert_eq!(findings(&pair(&a, &b), &pair(&c, &d), ["b", "d"]), none);
    let found = findings(&pair(&b, &a), &pair(&c, &d), ["b", "d"]);
    assert_eq!(reason(&found), "the keys of a data block do not ascend");
    let found = findings(&pair(&a, &a), &pair(&c, &d), ["b", "d"]);
    assert_eq!(reason(&found), "the keys of a data block do not ascend");
    let found = findings(&pair(&a, &c), &pair(&c, &d), ["c", "d"]);
    assert_eq!(
        reason(&found),
        "the first key does not follow the last one of the block before"
    );
    let found = findings(&pair(&a, &b), &pair(&c, &d), ["c", "d"]);
    assert_eq!(
        reason(&found),
        "the first key is not greater than the separator before the block"
    );
    let found = findings(&pair(&a, &b), &pair(&c, &d), ["a", "d"]);
    assert_eq!(
        reason(&found),
        "the last key is greater than the separator behind the block"
    );
    let found = findings(&pair(&a, &b), &pair(&c, &d), ["b", "a"]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("the separators do not ascend"), "{found:?}");
}

#[test]
fn types_that_no_table_has_are_found() {
    for (number, what) in [
        (0x0f, "a range deletion in a data block"),
        (0x05, "an internal key of type 0x05"),
        (0x19, "an internal key of type 0x19"),
    ] {
        let entry = [(internal("a", 7, number), b"value".as_slice())];
        let other = [(internal("b", 7, 1), b"value".as_slice())];
        assert_eq!(reason(&findings(&entry, &other, ["a", "b"])), what);
    }
}

#[test]
fn properties_that_say_otherwise_are_found() {
    let content = block(&[(internal("a", 7, 1), b"value"), (internal("b", 0, 0), b"")]);
    let index = index(&[(internal("b", 0, 0), content.len())]);
    let table = Blocks {
        format_version: 6,
        data: vec![(&content, 0)],
        index: (&index, 0),
        meta: Vec::new(),
    };
    let right = TableProperties {
        num_entries: Some(2),
        num_deletions: Some(1),
        raw_key_size: Some(18),
        raw_value_size: Some(5),
        data_size: Some(content.len() as u64 + 5),
        ..bytewise()
    };
    assert_eq!(walk(&table.encode(&right)).1.findings, Vec::<String>::new());
    let wrong = TableProperties {
        num_deletions: Some(0),
        raw_key_size: Some(19),
        ..right
    };
    let findings = walk(&table.encode(&wrong)).1.findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].ends_with("rocksdb.deleted.keys is 0, but the table has 1"));
    assert!(findings[1].ends_with("rocksdb.raw.key.size is 19, but the table has 18"));
}

fn small_table(properties: &TableProperties) -> Vec<u8> {
    let content = block(&[(internal("a", 7, 1), b"value")]);
    let index = index(&[(internal("a", 0, 0), content.len())]);
    let table = Blocks {
        format_version: 6,
        data: vec![(&content, 0)],
        index: (&index, 0),
        meta: Vec::new(),
    };
    table.encode(properties)
}

/// RocksDB 11.9 can put values between the blocks, which no block has then: that is no damage.
#[test]
fn values_outside_of_the_blocks_are_said_to_be_unread() {
    let mut properties = bytewise();
    let name = b"rocksdb.embedded.blob.stats".to_vec();
    properties.others.insert(name, b"x".to_vec());
    let (summary, seen) = walk(&small_table(&properties));
    let summary = summary.unwrap();
    assert_eq!((summary.damaged, summary.unchecked), (0, 1));
    assert_eq!(
        reason(&seen.findings),
        "the values that the table has outside of its blocks were not read"
    );
}

/// What cannot be read is not called damaged, and the error says where it was.
#[test]
fn a_walk_ends_where_reading_fails() {
    let table = small_table(&bytewise());
    for fails_at in 1..3 {
        let mut reads = 0;
        let mut read = |offset: u64, buffer: &mut [u8]| {
            reads += 1;
            if reads == fails_at {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            buffer.copy_from_slice(&table[offset as usize..offset as usize + buffer.len()]);
            Ok(())
        };
        let mut seen = Seen::default();
        let walked = walk_table(table.len() as u64, &mut read, WalkOptions::default(), &mut seen);
        match walked {
            Err(ReadError::Io { offset, len, source }) => {
                assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
                assert!(offset + len as u64 <= table.len() as u64);
            }
            // Fewer reads were enough.
            other => assert!(other.is_ok() && reads < fails_at),
        }
        assert_eq!(seen.findings, [""; 0]);
    }
}

/// An index that names one block again and again does not make a walk read it again and again.
#[test]
fn no_block_is_read_twice() {
    let zeros = snap::raw::Encoder::new().compress_vec(&vec![0; 1 << 20]).unwrap();
    let entries: Vec<_> = (0..5000)
        .map(|i| (internal(&format!("{i:05}"), 0, 0), vec![0, 100]))
        .collect();
    let index = encode_entries(
        entries
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_slice())),
    );
    let table = Blocks {
        format_version: 2,
        data: vec![(&zeros, SNAPPY)],
        index: (&index, 0),
        meta: Vec::new(),
    };
    let (summary, seen) = walk(&table.encode(&bytewise()));
    assert_eq!(summary.unwrap().counts.data_blocks, 5000);
    let data = seen
        .blocks
        .iter()
        .filter(|block| block.kind.to_string() == "data block");
    assert_eq!(data.count(), 1);
}

proptest! {
    /// Any contents of blocks are read or refused.
    #[test]
    fn any_contents_are_walked_through(
        format_version in 1u32..8,
        data in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), 0u8..8), 0..4),
        index in prop::collection::vec(any::<u8>(), 0..60),
        range_deletions: Vec<u8>,
        dictionary: Vec<u8>,
        flags: (bool, bool, u32),
    ) {
        let mut properties = bytewise();
        let number = |flag: bool| vec![u8::from(flag)];
        properties.others.insert(b"rocksdb.index.key.is.user.key".to_vec(), number(flags.0));
        properties.others.insert(b"rocksdb.index.value.is.delta.encoded".to_vec(), number(flags.1));
        let index_type = (flags.2 % 4).to_le_bytes().to_vec();
        properties.others.insert(b"rocksdb.block.based.table.index.type".to_vec(), index_type);
        let table = Blocks {
            format_version,
            data: data.iter().map(|(content, compression)| (content.as_slice(), *compression)).collect(),
            index: (&index, 0),
            meta: vec![
                (b"rocksdb.range_del", &range_deletions),
                (b"rocksdb.compression_dict", &dictionary),
                (b"partitionedfilter.x", &index),
            ],
        };
        let _ = walk(&table.encode(&properties)).0.expect("a footer");
    }
}
