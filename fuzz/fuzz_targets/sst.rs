//! Table files: any bytes as a file, and any bytes as the properties block of a plain table, which has no checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::checksum::ChecksumType;
use stonekeep_format::sst::{
    BlockHandle, Footer, MAX_META_BLOCK_BYTES, ReadError, TableKind, TableTail, read_tail,
};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::table::encode_minimal_table;

/// A plain table with this properties block.
fn plain_table(properties: &[u8]) -> Vec<u8> {
    let mut metaindex = vec![0, 18, 6];
    metaindex.extend_from_slice(b"rocksdb.properties");
    // The handle: offset 0, and the size as a varint of five bytes.
    metaindex.push(0);
    metaindex.extend((0..5).map(|i| {
        let more = if i < 4 { 0x80 } else { 0 };
        (properties.len() >> (7 * i)) as u8 & 0x7f | more
    }));
    metaindex.extend_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0]);
    let footer = Footer {
        kind: TableKind::Plain,
        format_version: 0,
        checksum: ChecksumType::Crc32c,
        base_context_checksum: 0,
        metaindex: BlockHandle {
            offset: properties.len() as u64,
            size: metaindex.len() as u64,
        },
        index: BlockHandle::default(),
        offset: (properties.len() + metaindex.len()) as u64,
    };
    [properties, &metaindex, &footer.encode()].concat()
}

fn read(file: &[u8]) -> Result<TableTail, ReadError> {
    let mut reads = 0;
    read_tail(file.len() as u64, &mut |offset, len| {
        reads += 1;
        assert!(reads <= 3 && len as u64 <= MAX_META_BLOCK_BYTES + 5);
        Ok(file[offset as usize..offset as usize + len].to_vec())
    })
}

fuzz_target!(|input: &[u8]| {
    let [kind, rest @ ..] = input else { return };
    let file = if kind & 1 == 1 {
        plain_table(rest)
    } else {
        rest.to_vec()
    };
    let tail = match read(&file) {
        Ok(tail) => tail,
        Err(ReadError::Format(_)) => return,
        Err(error) => panic!("{error:?}"),
    };
    let again = read(&encode_minimal_table(&tail.properties, rest)).expect("we wrote it");
    assert_eq!(again.properties, tail.properties);
    let footer = Footer::decode(&tail.footer.encode(), file.len() as u64).expect("we wrote it");
    assert_eq!(footer, tail.footer);
});
