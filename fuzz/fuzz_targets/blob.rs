//! Blob files: both ends, and the records between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::blob::{
    BlobFileFooter, BlobFileHeader, BlobRecordHeader, FOOTER_LEN, HEADER_LEN, RECORD_HEADER_LEN, decode_ends,
};
use stonekeep_format::checksum::{crc32c, mask};

/// Sets the checksum that ends at `end` and covers what is before it from `start` on.
fn repair(bytes: &mut [u8], start: usize, end: usize) {
    let stored = mask(crc32c(&bytes[start..end - 4]));
    bytes[end - 4..end].copy_from_slice(&stored.to_le_bytes());
}

fn walk(file: &[u8]) {
    let mut at = HEADER_LEN;
    while let Some(bytes) = file.get(at..at + RECORD_HEADER_LEN) {
        let Ok(head) = BlobRecordHeader::decode(at as u64, bytes) else {
            return;
        };
        assert_eq!(head.encode(), bytes);
        let Some(len) = head.record_len().and_then(|len| usize::try_from(len).ok()) else {
            return;
        };
        match at.checked_add(len) {
            Some(next) if next <= file.len() => at = next,
            _ => return,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [options, rest @ ..] = input else { return };
    let mut file = rest.to_vec();
    let len = file.len();
    if options & 1 == 1 && len >= FOOTER_LEN {
        repair(&mut file, len - FOOTER_LEN, len);
    }
    if options & 2 == 2 && len >= HEADER_LEN + 28 {
        repair(&mut file, HEADER_LEN, HEADER_LEN + 28);
    }
    walk(&file);
    let header = &file[..HEADER_LEN.min(len)];
    let footer = &file[len.saturating_sub(FOOTER_LEN)..];
    if let Ok((head, tail)) = decode_ends(len as u64, header, footer) {
        assert_eq!(head.encode(), header);
        assert_eq!(tail.encode(), footer);
        assert_eq!(BlobFileHeader::decode(&head.encode()), Ok(head));
        assert_eq!(BlobFileFooter::decode(0, &tail.encode()), Ok(tail));
    }
});
