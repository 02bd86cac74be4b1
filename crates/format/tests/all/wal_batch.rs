//! Write batches for the tests of WALs.

use stonekeep_format_testkit::coding::{put_fixed32, put_fixed64, put_length_prefixed, put_varint32};

/// Tags of `ValueType` (`db/dbformat.h`).
pub(crate) const DELETION: u8 = 0x0;
pub(crate) const VALUE: u8 = 0x1;
pub(crate) const LOG_DATA: u8 = 0x3;
pub(crate) const CF_VALUE: u8 = 0x5;
pub(crate) const BEGIN_PREPARE: u8 = 0x9;
pub(crate) const END_PREPARE: u8 = 0xA;
pub(crate) const COMMIT: u8 = 0xB;
pub(crate) const ROLLBACK: u8 = 0xC;
pub(crate) const NOOP: u8 = 0xD;
pub(crate) const BEGIN_PERSISTED_PREPARE: u8 = 0x12;

/// Every tag that can stand in a WAL: whether a column family follows, how many strings, whether it is a key.
pub(crate) const TAGS: [(u8, bool, usize, bool); 25] = [
    (0x0, false, 1, true),
    (0x1, false, 2, true),
    (0x2, false, 2, true),
    (0x3, false, 1, false),
    (0x4, true, 1, true),
    (0x5, true, 2, true),
    (0x6, true, 2, true),
    (0x7, false, 1, true),
    (0x8, true, 1, true),
    (0x9, false, 0, false),
    (0xA, false, 1, false),
    (0xB, false, 1, false),
    (0xC, false, 1, false),
    (0xD, false, 0, false),
    (0xE, true, 2, true),
    (0xF, false, 2, true),
    (0x10, true, 2, true),
    (0x11, false, 2, true),
    (0x12, false, 0, false),
    (0x13, false, 0, false),
    (0x15, false, 2, false),
    (0x16, false, 2, true),
    (0x17, true, 2, true),
    (0x18, false, 2, true),
    (0x19, true, 2, true),
];

/// A batch in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) sequence: u64,
    pub(crate) count: u32,
    pub(crate) records: Vec<u8>,
}

impl Batch {
    pub(crate) fn at(sequence: u64) -> Self {
        Batch {
            sequence,
            ..Batch::default()
        }
    }

    /// Adds a record of any tag, with a column family if the tag wants one.
    pub(crate) fn record(mut self, tag: u8, column_family: u32, strings: &[&[u8]]) -> Self {
        let (_, with_family, wanted, is_key) = *TAGS.iter().find(|known| known.0 == tag).unwrap();
        assert_eq!(wanted, strings.len());
        self.records.push(tag);
        if with_family {
            put_varint32(&mut self.records, column_family);
        }
        for string in strings {
            put_length_prefixed(&mut self.records, string);
        }
        self.count += u32::from(is_key);
        self
    }

    /// Adds so many keys of the default column family.
    pub(crate) fn keys(self, count: usize) -> Self {
        (0..count).fold(self, |batch, key| {
            batch.record(VALUE, 0, &[&[key as u8], b"value"])
        })
    }

    /// Adds a marker without a name.
    pub(crate) fn marker(self, tag: u8) -> Self {
        self.record(tag, 0, &[])
    }

    /// Adds a marker with the name of a transaction.
    pub(crate) fn named(self, tag: u8, name: &str) -> Self {
        self.record(tag, 0, &[name.as_bytes()])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_fixed64(&mut bytes, self.sequence);
        put_fixed32(&mut bytes, self.count);
        bytes.extend_from_slice(&self.records);
        bytes
    }
}
