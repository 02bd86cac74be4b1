//! Decompression of blocks against the compressors of other crates, and against sizes that lie.

use std::io::Write as _;

use proptest::prelude::*;
use stonekeep_format::sst::{ChecksumVerdict, Compression, Decompressor, StoredBlock};

const LIMIT_BYTES: usize = 1 << 20;

fn stored(content: &[u8], compression: Compression) -> StoredBlock<'_> {
    StoredBlock {
        offset: 77,
        content,
        compression,
        checksum: ChecksumVerdict::Absent,
    }
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// As RocksDB would store `plain` in a table of this format version.
fn compress(plain: &[u8], compression: Compression, version: u32) -> Vec<u8> {
    let early = version < 2;
    let sized = |body: Vec<u8>| [varint(plain.len()), body].concat();
    match compression {
        Compression::None => plain.to_vec(),
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
        Compression::Lz4 | Compression::Lz4hc => {
            let body = lz4_flex::block::compress(plain);
            if early {
                let size = (plain.len() as u64).to_le_bytes().to_vec();
                [size, body].concat()
            } else {
                sized(body)
            }
        }
        Compression::Zlib => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(plain).unwrap();
            let body = encoder.finish().unwrap();
            if early { body } else { sized(body) }
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
            encoder.write_all(plain).unwrap();
            let body = encoder.finish().unwrap();
            if early { body } else { sized(body) }
        }
        _ => sized(zstd::bulk::compress(plain, 3).unwrap()),
    }
}

const SUPPORTED: [Compression; 8] = [
    Compression::None,
    Compression::Snappy,
    Compression::Zlib,
    Compression::Bzip2,
    Compression::Lz4,
    Compression::Lz4hc,
    Compression::Zstd,
    Compression::ZstdNotFinal,
];

#[test]
fn each_algorithm_gives_back_what_was_compressed() {
    let long: Vec<u8> = (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
    for version in [0, 1, 2, 7] {
        for compression in SUPPORTED {
            let mut decompressor = Decompressor::new(version, LIMIT_BYTES);
            for plain in [b"one block".as_slice(), &long, b"a shorter one", &long] {
                let content = compress(plain, compression, version);
                let result = decompressor.decompress(&stored(&content, compression), true);
                assert!(result == Ok(plain), "{compression} in version {version}");
            }
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let mut decompressor = Decompressor::new(7, LIMIT_BYTES);
    for (number, name) in [(6, "xpress"), (0x81, "compression type 0x81")] {
        let block = stored(b"some bytes", Compression::from_number(number));
        let error = decompressor.decompress(&block, true).expect_err("not supported");
        assert!(error.is_unsupported());
        let expected =
            format!("table file at byte 77: the block is compressed with {name}, which is not supported");
        assert_eq!(error.to_string(), expected);
    }
}

/// A block that expands to more than the limit, whether it says so or not, is refused before there is memory for it.
#[test]
fn sizes_beyond_the_limit_are_refused() {
    let zeros = vec![0; 9 << 20];
    for version in [1, 2] {
        for compression in SUPPORTED.into_iter().skip(1) {
            let content = compress(&zeros, compression, version);
            let mut decompressor = Decompressor::new(version, LIMIT_BYTES);
            let error = decompressor
                .decompress(&stored(&content, compression), true)
                .expect_err("a bomb");
            assert!(error.is_unsupported(), "{compression}: {error}");
            assert_eq!(error.offset, 77);
        }
    }
}

/// The size before the content is compared with what comes out, in both directions.
#[test]
fn sizes_that_lie_are_found() {
    for compression in SUPPORTED.into_iter().skip(2) {
        let plain = vec![b'x'; 100];
        let right = compress(&plain, compression, 2);
        assert_eq!(right[0], 100);
        for wrong in [0, 99, 101, 127] {
            let mut content = right.clone();
            content[0] = wrong;
            let mut decompressor = Decompressor::new(2, LIMIT_BYTES);
            // What an earlier block left in the buffer is not taken for content.
            decompressor
                .decompress(&stored(&right, compression), true)
                .expect("right");
            let error = decompressor
                .decompress(&stored(&content, compression), true)
                .expect_err("a lie");
            assert!(!error.is_unsupported(), "{compression}, {wrong}: {error}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decompressed_or_refused(content: Vec<u8>, number in 0u8..9, version in 0u32..8, dictionary: Vec<u8>) {
        let mut decompressor = Decompressor::new(version, 4096);
        let compression = Compression::from_number(number);
        let content = stored(&content, compression);
        if let Ok(plain) = decompressor.decompress(&content, false) {
            prop_assert!(plain.len() <= 4096 || compression == Compression::None);
        }
        decompressor.set_dictionary(dictionary);
        let _ = decompressor.decompress(&content, true);
    }

    #[test]
    fn damaged_content_is_no_panic(at: prop::sample::Index, byte: u8, which in 1usize..8, version in 1u32..3) {
        let plain = b"some content, some content, some more content".repeat(20);
        let compression = SUPPORTED[which];
        let mut content = compress(&plain, compression, version);
        let at = at.index(content.len());
        content[at] = byte;
        let mut decompressor = Decompressor::new(version, 4096);
        let _ = decompressor.decompress(&stored(&content, compression), true);
        content.truncate(at);
        let _ = decompressor.decompress(&stored(&content, compression), true);
    }
}
