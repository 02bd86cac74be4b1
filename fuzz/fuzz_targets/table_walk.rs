//! Whole tables: any bytes as a file, any bytes as the blocks of a table without checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::sst::walk::{TableVisitor, WalkOptions, walk_table};
use stonekeep_format::sst::{InternalKey, ReadError, TableProperties};
use stonekeep_format_testkit::blocks::Blocks;

const COMPARATORS: [&str; 4] = [
    "leveldb.BytewiseComparator",
    "rocksdb.ReverseBytewiseComparator",
    "leveldb.BytewiseComparator.u64ts",
    "other",
];

/// Counts, so that nothing is left out by the optimiser.
#[derive(Default)]
struct Counts(u64);

impl TableVisitor for Counts {
    fn entry(&mut self, key: &InternalKey<'_>, value: &[u8]) {
        self.0 += (key.user_key.len() + value.len()) as u64;
    }
}

fn walk(file: &[u8]) {
    let mut read = |offset: u64, buffer: &mut [u8]| {
        buffer.copy_from_slice(&file[offset as usize..offset as usize + buffer.len()]);
        Ok(())
    };
    let options = WalkOptions::default().with_memory_bytes(1 << 20);
    match walk_table(file.len() as u64, &mut read, options, &mut Counts::default()) {
        Ok(_) | Err(ReadError::Format(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// Takes a part off, whose length its first byte says.
fn part<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let Some((len, rest)) = input.split_first() else { return &[] };
    let (part, rest) = rest.split_at(rest.len().min(usize::from(*len)));
    *input = rest;
    part
}

/// A table whose blocks are parts of the input. Its first byte says which version, its second what properties say.
fn table(input: &[u8]) -> Option<Vec<u8>> {
    let [form, flags, compression, rest @ ..] = input else { return None };
    let mut rest = rest;
    let mut properties = TableProperties {
        comparator: Some(COMPARATORS[usize::from(flags >> 4) % 4].to_owned()),
        ..TableProperties::default()
    };
    let mut set = |name: &str, value: Vec<u8>| properties.others.insert(name.into(), value);
    set("rocksdb.index.key.is.user.key", vec![flags & 1]);
    set("rocksdb.index.value.is.delta.encoded", vec![flags >> 1 & 1]);
    set("rocksdb.user.defined.timestamps.persisted", vec![form >> 7]);
    set("rocksdb.block.based.table.index.type", vec![flags >> 2 & 3, 0, 0, 0]);
    let index = part(&mut rest);
    let dictionary = part(&mut rest);
    let range_deletions = part(&mut rest);
    let mut meta: Vec<(&[u8], &[u8])> = vec![(b"partitionedfilter.", range_deletions)];
    if !dictionary.is_empty() {
        meta.push((b"rocksdb.compression_dict", dictionary));
    }
    meta.push((b"rocksdb.range_del", range_deletions));
    let mut data = Vec::new();
    while !rest.is_empty() {
        data.push((part(&mut rest), compression & 0xf));
    }
    let table = Blocks {
        format_version: 1 + u32::from(form & 0x7f) % 7,
        data,
        index: (index, compression >> 4),
        meta,
    };
    Some(table.encode(&properties))
}

fuzz_target!(|input: &[u8]| {
    walk(input);
    if let Some(file) = table(input) {
        walk(&file);
    }
});
