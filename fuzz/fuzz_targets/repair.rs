//! Gives log records the checksums that a fuzzer cannot guess.

use stonekeep_format::checksum;
use stonekeep_format::log::BLOCK_BYTES;

/// Sets the checksum of every physical record that is complete.
pub fn checksums(log: &mut [u8]) {
    for block in log.chunks_mut(BLOCK_BYTES) {
        let mut at = 0;
        while let Some(header) = block.get(at..at + 7) {
            let payload = usize::from(u16::from_le_bytes([header[4], header[5]]));
            let with_number = matches!(header[6], 5..=8) || (header[6] > 9 && header[6] & 1 == 1);
            let end = at + if with_number { 11 } else { 7 } + payload;
            if header.iter().all(|byte| *byte == 0) || end > block.len() {
                break;
            }
            let stored = checksum::mask(checksum::crc32c(&block[at + 6..end]));
            block[at..at + 4].copy_from_slice(&stored.to_le_bytes());
            at = end;
        }
    }
}
