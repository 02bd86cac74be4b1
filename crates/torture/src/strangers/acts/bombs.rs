//! Little that expands to very much, or says that it does: blocks of tables, and records of WALs.

use std::io;

use anyhow::Result;
use stonekeep::format::FileNumber;
use stonekeep::format::sst::TableProperties;
use stonekeep_format_testkit::blocks::Blocks;
use stonekeep_format_testkit::coding::put_varint64;
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_format_testkit::table::encode_entries;

use super::ground::Ground;
use super::listed;

/// What the bombs expand to.
const EXPANDED_BYTES: usize = 1 << 30;
/// What a bomb expands to that has to be compressed here.
const COMPRESSED_HERE_BYTES: usize = 96 << 20;

/// RocksDB's numbers of compressions (`include/rocksdb/compression_type.h`).
const SNAPPY: u8 = 1;
const ZLIB: u8 = 2;
const BZIP2: u8 = 3;
const LZ4: u8 = 4;
const ZSTD: u8 = 7;

/// A table or a WAL becomes a bomb, with right checksums.
pub(super) fn bomb(ground: &mut Ground<'_>) -> Result<String> {
    let is_table = ground.rng.u8(0..4) > 0;
    let ending = if is_table { "sst" } else { "log" };
    let root = ground.root();
    let path = ground.file_below(&root, |path| {
        path.extension().is_some_and(|found| found == ending)
    })?;
    let (what, content) = if is_table { table(ground) } else { wal(&path) };
    listed::replace(&ground.site.repository(), &path, &content, ground.rng.bool())?;
    Ok(format!("{what} as {}", ground.shown(&path)))
}

/// A table whose first data block, index or dictionary is one.
fn table(ground: &mut Ground<'_>) -> (&'static str, Vec<u8>) {
    let (what, compression, mut block) = compressed(ground.rng.u8(0..6));
    let says = ground.one_of(&[
        EXPANDED_BYTES as u64,
        1,
        4096,
        32 << 20,
        u64::from(u32::MAX),
        u64::MAX,
    ]);
    if compression != SNAPPY {
        let mut with_size = Vec::new();
        put_varint64(&mut with_size, says);
        with_size.append(&mut block);
        block = with_size;
    }
    let handle = [0, 0xff, 0xff, 0xff, 0x07];
    let index = encode_entries([(b"key\x01\0\0\0\0\0\0\0".as_slice(), handle.as_slice())]);
    let place = ground.rng.u8(0..4);
    let blocks = Blocks {
        format_version: u32::from(ground.rng.u8(2..8)),
        data: vec![(&block, compression); if place == 1 { 1 } else { 9 }],
        index: if place == 1 {
            (&block, compression)
        } else {
            (&index, 0)
        },
        meta: match place {
            2 => vec![(b"rocksdb.compression_dict", &block)],
            3 => vec![(b"rocksdb.range_del", &block)],
            _ => Vec::new(),
        },
    };
    (what, blocks.encode(&TableProperties::default()))
}

fn compressed(kind: u8) -> (&'static str, u8, Vec<u8>) {
    match kind {
        0 => ("a bomb of zstd", ZSTD, zstd()),
        1 => ("a bomb of zlib", ZLIB, zlib()),
        2 => ("a bomb of bzip2", BZIP2, bzip2()),
        3 => ("a bomb of lz4", LZ4, lz4()),
        4 => ("a bomb of snappy", SNAPPY, snappy(EXPANDED_BYTES as u64)),
        _ => ("a lie of snappy", SNAPPY, snappy(u64::from(u32::MAX))),
    }
}

/// The largest block of zstd.
const ZSTD_BLOCK: usize = 128 << 10;

/// A frame of blocks that each repeat one byte (RFC 8878).
fn zstd() -> Vec<u8> {
    const REPEATED: u32 = 1;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd];
    // A window of 8 MiB; no size is said.
    frame.extend([0x00, 13 << 3]);
    let count = EXPANDED_BYTES / ZSTD_BLOCK;
    for at in 1..=count {
        let header = u32::from(at == count) | REPEATED << 1 | (ZSTD_BLOCK as u32) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(b'k');
    }
    frame
}

fn zlib() -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    zeros(&mut encoder);
    encoder.finish().unwrap_or_default()
}

fn bzip2() -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    zeros(&mut encoder);
    encoder.finish().unwrap_or_default()
}

fn zeros(out: &mut impl io::Write) {
    let piece = vec![0; 1 << 20];
    for _ in 0..COMPRESSED_HERE_BYTES / piece.len() {
        // Writing to memory does not fail.
        let _ = out.write_all(&piece);
    }
}

/// A literal, and one match that repeats it.
fn lz4() -> Vec<u8> {
    let mut block = vec![0x1f, b'k', 1, 0];
    block.resize(block.len() + COMPRESSED_HERE_BYTES / 255, 255);
    // The end of a block has at least five literals.
    block.extend([0, 0x50, b'k', b'k', b'k', b'k', b'k']);
    block
}

/// A literal, and copies of the longest length.
fn snappy(says: u64) -> Vec<u8> {
    let mut block = Vec::new();
    put_varint64(&mut block, says);
    block.extend([0, b'k']);
    for _ in 0..50_000 {
        block.extend([63 << 2 | 2, 1, 0]);
    }
    block
}

/// A WAL with compression, whose only record expands.
fn wal(path: &std::path::Path) -> (&'static str, Vec<u8>) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut writer = LogBuilder::recyclable(FileNumber(stem.parse().unwrap_or(1)));
    writer.set_compression(u32::from(ZSTD));
    writer.write(&zstd());
    ("a bomb as a WAL", writer.take_bytes())
}
