//! Blob files of RocksDB, and the same bytes from the encoders of the test kit.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use stonekeep_format::blob::{
    BlobFileFooter, BlobFileHeader, ExpirationRange, FOOTER_LEN, HEADER_LEN, RECORD_HEADER_LEN, decode_ends,
};
use stonekeep_format::checksum::{crc32c, crc32c_extend};
use stonekeep_format::{ColumnFamilyId, Result};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::blob::BlobRecordHeader;

use crate::golden;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/blob")
        .join(name);
    fs::read(path).expect("a fixture")
}

fn ends(file: &[u8]) -> Result<(BlobFileHeader, BlobFileFooter)> {
    let header = &file[..HEADER_LEN.min(file.len())];
    let footer = &file[file.len().saturating_sub(FOOTER_LEN)..];
    decode_ends(file.len() as u64, header, footer)
}

/// Key, value as stored, and what stood before them.
type Record<'a> = (&'a [u8], &'a [u8], BlobRecordHeader);

/// All records between header and footer.
fn records(file: &[u8]) -> Result<Vec<Record<'_>>> {
    let mut found = Vec::new();
    let mut at = HEADER_LEN;
    while at < file.len() - FOOTER_LEN {
        let head = BlobRecordHeader::decode(&file[at..at + RECORD_HEADER_LEN])?;
        let key_at = at + RECORD_HEADER_LEN;
        let value_at = key_at + head.key_len as usize;
        at = value_at + head.value_len as usize;
        found.push((&file[key_at..value_at], &file[value_at..at], head));
    }
    Ok(found)
}

#[test]
fn a_blob_file_of_rocksdb_reads_as_what_was_put() {
    let file = file("7.8.3-plain.blob");
    let (header, footer) = ends(&file).expect("RocksDB wrote it");
    assert_eq!(header.column_family_id, ColumnFamilyId::DEFAULT);
    assert_eq!(
        (header.flags, header.has_ttl(), header.compression),
        (0, false, 0)
    );
    assert_eq!(footer.blob_count, 2);
    let records = records(&file).expect("RocksDB wrote it");
    let pairs: Vec<_> = records.iter().map(|(key, value, _)| (*key, *value)).collect();
    assert_eq!(pairs, [(&b"key1"[..], &b"one"[..]), (b"key2", b"two")]);
}

#[test]
fn a_file_is_laid_out_as_annotated() {
    golden::check("blob/file.txt", |bytes| {
        assert_eq!(bytes, file("7.8.3-plain.blob"));
        let (header, footer) = ends(bytes).expect("RocksDB wrote it");
        let records = records(bytes).expect("RocksDB wrote it");
        let heads: Vec<_> = records.iter().map(|(.., head)| head).collect();
        format!("{header:#?}\n{heads:#?}\n{footer:#?}\n")
    });
}

#[test]
fn compressed_values_are_left_as_they_are() {
    let file = file("7.8.3-zstd.blob");
    let (header, footer) = ends(&file).expect("RocksDB wrote it");
    assert_eq!(header.compression, 7, "kZSTD");
    assert_eq!(footer.blob_count, 1);
    let (key, value, head) = records(&file).expect("RocksDB wrote it")[0];
    assert_eq!((key, head.value_len), (&b"key1"[..], 22));
    // The length of the value before compression, 200, then the frame.
    assert_eq!(value[..6], [0xc8, 0x01, 0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(head.blob_crc, crc32c_extend(crc32c(key), value));
}

#[test]
fn our_encoders_make_the_bytes_of_rocksdb() {
    for name in ["7.8.3-plain.blob", "7.8.3-zstd.blob"] {
        let file = file(name);
        let (header, footer) = ends(&file).expect("RocksDB wrote it");
        let mut ours = header.encode();
        for (key, value, head) in records(&file).expect("RocksDB wrote it") {
            assert_eq!(BlobRecordHeader::new(key, value, 0), head);
            ours.extend([&head.encode(), key, value].concat());
        }
        ours.extend(footer.encode());
        assert_eq!(ours, file, "{name}");
    }
}

/// Without its footer a file is one that is still written to.
#[test]
fn no_prefix_of_a_finished_file_is_one() {
    let file = file("7.8.3-plain.blob");
    for len in 0..file.len() {
        assert!(ends(&file[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn every_bit_of_a_footer_is_protected() {
    let file = file("7.8.3-plain.blob");
    for at in file.len() - FOOTER_LEN..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let error = ends(&damaged).expect_err("damage");
        assert!(!error.is_unsupported());
        assert!(error.offset >= (file.len() - FOOTER_LEN) as u64, "{error}");
    }
}

#[test]
fn newer_versions_are_unsupported_and_other_magics_damage() {
    let mut file = file("7.8.3-plain.blob");
    file[4] = 2;
    let error = ends(&file).expect_err("version 2");
    assert!(error.is_unsupported());
    assert_eq!(error.to_string(), "blob file at byte 4: version 2");
    file[0] ^= 1;
    assert!(!ends(&file).expect_err("another magic number").is_unsupported());
}

#[test]
fn a_footer_cannot_count_more_blobs_than_fit() {
    let header = file("7.8.3-plain.blob")[..HEADER_LEN].to_vec();
    let footer = |blob_count| {
        BlobFileFooter {
            blob_count,
            expiration: ExpirationRange::default(),
        }
        .encode()
    };
    let size = (HEADER_LEN + 2 * RECORD_HEADER_LEN + FOOTER_LEN) as u64;
    decode_ends(size, &header, &footer(2)).expect("two empty blobs");
    decode_ends(size, &header, &footer(3)).expect_err("one too many");
    decode_ends(size, &header, &footer(u64::MAX)).expect_err("far too many");
}

proptest! {
    #[test]
    fn written_blob_headers_parse_to_the_same(family: u32, flags: u8, compression: u8, first: u64, last: u64) {
        let expiration = ExpirationRange { first, last };
        let header =
            BlobFileHeader { column_family_id: ColumnFamilyId(family), flags, compression, expiration };
        prop_assert_eq!(BlobFileHeader::decode(&header.encode()), Ok(header));
        let footer = BlobFileFooter { blob_count: first, expiration };
        prop_assert_eq!(BlobFileFooter::decode(9, &footer.encode()), Ok(footer));
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(size: u64, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = decode_ends(size, &bytes, &bytes);
        let _ = BlobFileHeader::decode(&bytes);
        let _ = BlobFileFooter::decode(size, &bytes);
    }
}
