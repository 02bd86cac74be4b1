//! Blob files: both ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stonekeep_format::blob::{BlobFileFooter, BlobFileHeader, FOOTER_LEN, HEADER_LEN, decode_ends};
use stonekeep_format::checksum::{crc32c, mask};
use stonekeep_format_testkit::Encode as _;

/// Sets the checksum that ends at `end` and covers what is before it from `start` on.
fn repair(bytes: &mut [u8], start: usize, end: usize) {
    let stored = mask(crc32c(&bytes[start..end - 4]));
    bytes[end - 4..end].copy_from_slice(&stored.to_le_bytes());
}

fuzz_target!(|input: &[u8]| {
    let [options, rest @ ..] = input else { return };
    let mut file = rest.to_vec();
    let len = file.len();
    if options & 1 == 1 && len >= FOOTER_LEN {
        repair(&mut file, len - FOOTER_LEN, len);
    }
    let header = &file[..HEADER_LEN.min(len)];
    let footer = &file[len.saturating_sub(FOOTER_LEN)..];
    if let Ok((head, tail)) = decode_ends(len as u64, header, footer) {
        assert_eq!(head.encode(), header);
        assert_eq!(tail.encode(), footer);
        assert_eq!(BlobFileHeader::decode(&head.encode()), Ok(head));
        assert_eq!(BlobFileFooter::decode(0, &tail.encode()), Ok(tail));
    }
});
