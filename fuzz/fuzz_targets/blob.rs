//! Blob files: both ends, and all records, in any pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::blob::{
    BlobFileFooter, BlobFileHeader, BlobFinding, BlobScanner, BlobSummary, FOOTER_LEN, HEADER_LEN, RECORD_HEADER_LEN,
    decode_ends,
};
use stonekeep_format::checksum::{crc32c, mask};
use stonekeep_format_testkit::Encode as _;

/// Sets the checksum that ends at `end` and covers what is before it from `start` on.
fn repair(bytes: &mut [u8], start: usize, end: usize) {
    let stored = mask(crc32c(&bytes[start..end - 4]));
    bytes[end - 4..end].copy_from_slice(&stored.to_le_bytes());
}

/// Makes the checksums of records' headers right, and their lengths small, so that more than one record is read.
fn repair_records(file: &mut [u8]) {
    let mut at = HEADER_LEN;
    while at + RECORD_HEADER_LEN + FOOTER_LEN <= file.len() {
        for len in [at, at + 8] {
            file[len + 1..len + 8].fill(0);
        }
        repair(file, at, at + 28);
        at += RECORD_HEADER_LEN + usize::from(file[at]) + usize::from(file[at + 8]);
    }
}

fn scan(file: &[u8], piece_len: usize) -> (BlobSummary, Vec<BlobFinding>) {
    let mut found = Vec::new();
    let mut scanner = BlobScanner::new(file.len() as u64);
    for piece in file.chunks(piece_len) {
        scanner.push(piece, &mut |finding| found.push(finding));
    }
    let summary = scanner.finish(&mut |finding| found.push(finding));
    (summary, found)
}

fuzz_target!(|input: &[u8]| {
    let [options, piece_len, rest @ ..] = input else { return };
    let mut file = rest.to_vec();
    let len = file.len();
    if options & 2 == 2 {
        repair_records(&mut file);
    }
    if options & 1 == 1 && len >= FOOTER_LEN {
        repair(&mut file, len - FOOTER_LEN, len);
    }
    let header = &file[..HEADER_LEN.min(len)];
    let footer = &file[len.saturating_sub(FOOTER_LEN)..];
    let ends = decode_ends(len as u64, header, footer);
    if let Ok((head, tail)) = ends {
        assert_eq!(head.encode(), header);
        assert_eq!(tail.encode(), footer);
        assert_eq!(BlobFileHeader::decode(&head.encode()), Ok(head));
        assert_eq!(BlobFileFooter::decode(0, &tail.encode()), Ok(tail));
    }
    let whole = scan(&file, usize::MAX);
    assert_eq!(scan(&file, usize::from(*piece_len).max(1)), whole);
    let (summary, found) = whole;
    if found.is_empty() {
        assert!(ends.is_ok());
        assert_eq!(summary.record_bytes + (HEADER_LEN + FOOTER_LEN) as u64, len as u64);
    }
});
