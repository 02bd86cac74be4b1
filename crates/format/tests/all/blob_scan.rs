//! Every record of blob files that RocksDB wrote, right and damaged.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use stonekeep_format::ColumnFamilyId;
use stonekeep_format::blob::{
    BlobFileFooter, BlobFileHeader, BlobFinding, BlobPart, BlobScanner, BlobSummary, ExpirationRange,
    FOOTER_LEN, HEADER_LEN, RECORD_HEADER_LEN,
};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::blob::BlobRecordHeader;

const FIXTURES: [(&str, u64); 2] = [("7.8.3-plain.blob", 2), ("7.8.3-zstd.blob", 1)];

fn file(name: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/blob");
    fs::read(directory.join(name)).unwrap()
}

fn scan_in_pieces(file: &[u8], len: usize) -> (BlobSummary, Vec<BlobFinding>) {
    let mut found = Vec::new();
    let mut scanner = BlobScanner::new(file.len() as u64);
    for piece in file.chunks(len) {
        scanner.push(piece, &mut |finding| found.push(finding));
    }
    let summary = scanner.finish(&mut |finding| found.push(finding));
    (summary, found)
}

fn scan(file: &[u8]) -> (BlobSummary, Vec<BlobFinding>) {
    scan_in_pieces(file, usize::MAX)
}

/// A file with these keys and values.
fn encode(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let header = BlobFileHeader {
        column_family_id: ColumnFamilyId(3),
        flags: 0,
        compression: 0,
        expiration: ExpirationRange::default(),
    };
    let mut file = header.encode();
    for (key, value) in records {
        let head = BlobRecordHeader::new(key, value, 0).encode();
        file.extend([head.as_slice(), key, value].concat());
    }
    let footer = BlobFileFooter {
        blob_count: records.len() as u64,
        expiration: ExpirationRange::default(),
    };
    file.extend(footer.encode());
    file
}

#[test]
fn blob_files_of_rocksdb_are_whole() {
    for (name, records) in FIXTURES {
        let file = file(name);
        for len in [1, 7, 31, 32, 1_000] {
            let (summary, found) = scan_in_pieces(&file, len);
            assert_eq!(found, [], "{name}");
            assert!(summary.is_complete, "{name}");
            assert_eq!(summary.records, records, "{name}");
            let ends = (HEADER_LEN + FOOTER_LEN) as u64;
            assert_eq!(summary.record_bytes + ends, file.len() as u64, "{name}");
            assert_eq!(summary.footer.unwrap().blob_count, records, "{name}");
        }
    }
}

/// Only flags, compression and expiration in the header have no checksum.
#[test]
fn every_changed_bit_is_found_but_those_without_a_checksum() {
    for (name, _) in FIXTURES {
        let whole = file(name);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (_, found) = scan(&damaged);
            let is_unprotected = (8..HEADER_LEN).contains(&(bit / 8));
            assert_eq!(found.is_empty(), is_unprotected, "{name}: bit {bit}: {found:?}");
        }
    }
}

#[test]
fn no_prefix_is_a_whole_file() {
    for (name, _) in FIXTURES {
        let whole = file(name);
        for len in 0..whole.len() {
            let (_, found) = scan(&whole[..len]);
            assert!(!found.is_empty(), "{name}: {len} bytes");
        }
    }
}

#[test]
fn a_damaged_value_is_named_by_its_key_and_the_others_are_read() {
    let mut damaged = file("7.8.3-plain.blob");
    damaged[HEADER_LEN + RECORD_HEADER_LEN + b"key1".len()] ^= 1;
    let (summary, found) = scan(&damaged);
    let [finding] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (finding.part, finding.key.as_deref(), finding.error.offset),
        (BlobPart::Record, Some(&b"key1"[..]), HEADER_LEN as u64)
    );
    assert_eq!(summary.records, 2);
}

#[test]
fn a_damaged_length_loses_what_follows_but_not_the_footer() {
    let mut damaged = file("7.8.3-plain.blob");
    damaged[HEADER_LEN] ^= 1;
    let (summary, found) = scan(&damaged);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].part, found[0].key.as_deref()), (BlobPart::Record, None));
    assert!(!summary.is_complete && summary.footer.is_some());
}

#[test]
fn a_footer_that_counts_another_number_is_found() {
    let mut file = encode(&[(b"a".to_vec(), b"1".to_vec())]);
    let footer = BlobFileFooter {
        blob_count: 2,
        expiration: ExpirationRange::default(),
    };
    file.truncate(file.len() - FOOTER_LEN);
    file.extend(footer.encode());
    let (_, found) = scan(&file);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].error.reason(), "it counts 2 blobs, but the file has 1");
}

/// A length that a header with a right checksum states is not believed.
#[test]
fn lengths_beyond_the_file_are_found() {
    let head = BlobRecordHeader {
        key_len: u64::MAX,
        value_len: 2,
        expiration: 0,
        blob_crc: stonekeep_format::Crc32c(0),
    };
    let whole = encode(&[]);
    let file = [
        &whole[..HEADER_LEN],
        &head.encode(),
        &[0; 100],
        &whole[HEADER_LEN..],
    ]
    .concat();
    let (_, found) = scan(&file);
    assert!(
        found[0].error.reason().contains("do not fit before the footer"),
        "{found:?}"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_any_pieces(
        records in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..8), len in 1_usize..200,
    ) {
        let file = encode(&records);
        let (summary, found) = scan_in_pieces(&file, len);
        prop_assert_eq!(found, []);
        prop_assert_eq!(summary.records, records.len() as u64);
    }

    #[test]
    fn any_bytes_end(bytes: Vec<u8>, len in 1_usize..50, with_header: bool) {
        let mut file = if with_header { encode(&[])[..HEADER_LEN].to_vec() } else { Vec::new() };
        file.extend(bytes);
        let whole = scan(&file);
        prop_assert_eq!(scan_in_pieces(&file, len), whole);
    }
}
