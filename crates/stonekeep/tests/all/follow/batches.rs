//! Write batches, by hand.

use stonekeep_format_testkit::coding::{put_fixed32, put_fixed64, put_length_prefixed};

/// Tags of `ValueType` (`db/dbformat.h`).
const VALUE: u8 = 0x1;
pub(crate) const BEGIN_PREPARE: u8 = 0x9;
pub(crate) const BEGIN_PERSISTED_PREPARE: u8 = 0x12;
const END_PREPARE: u8 = 0xA;
const COMMIT: u8 = 0xB;

fn batch(sequence: u64, keys: u32, value_bytes: usize, before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_fixed64(&mut bytes, sequence);
    put_fixed32(&mut bytes, keys);
    bytes.extend_from_slice(before);
    for key in 0..keys {
        bytes.push(VALUE);
        put_length_prefixed(&mut bytes, &key.to_be_bytes());
        put_length_prefixed(&mut bytes, &vec![sequence as u8; value_bytes]);
    }
    bytes.extend_from_slice(after);
    bytes
}

/// Puts of so many keys.
pub(crate) fn puts(sequence: u64, keys: u32) -> Vec<u8> {
    batch(sequence, keys, 10, &[], &[])
}

/// One put of a value of this size.
pub(crate) fn large(sequence: u64, value_bytes: usize) -> Vec<u8> {
    batch(sequence, 1, value_bytes, &[], &[])
}

/// A prepared section with so many keys; `begin` is the marker of the write policy.
pub(crate) fn prepare(sequence: u64, keys: u32, begin: u8, name: &str) -> Vec<u8> {
    batch(sequence, keys, 10, &[begin], &named(END_PREPARE, name))
}

/// The commit of a prepared section.
pub(crate) fn commit(sequence: u64, name: &str) -> Vec<u8> {
    batch(sequence, 0, 0, &[], &named(COMMIT, name))
}

fn named(tag: u8, name: &str) -> Vec<u8> {
    let mut bytes = vec![tag];
    put_length_prefixed(&mut bytes, name.as_bytes());
    bytes
}
