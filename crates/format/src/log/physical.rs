//! One physical record at the front of what is there of a block.

use super::{HEADER_BYTES, RECYCLABLE_HEADER_BYTES, record_type};
use crate::checksum;

/// What is at a place in a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Too little of the block is there to say.
    More,
    /// The rest of the block is too short for a header.
    Trailer,
    /// A header of zeros: nothing more in this block.
    Zeros,
    /// The record would not fit into its block.
    TooLong,
    /// The checksum is not that of the record.
    BadChecksum,
    /// A record with the right checksum.
    Record(Header),
}

/// The header of a record whose checksum is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) record_type: u8,
    /// The low 32 bits of the number of the log that it was written to.
    pub(super) log_number: Option<u32>,
    pub(super) bytes: usize,
    pub(super) payload_bytes: usize,
}

/// Looks at `rest`, the part of a block that is there from a record boundary on; `room` bytes remain to the
/// block's end when it will be there in full.
pub(super) fn parse(rest: &[u8], room: usize) -> Parsed {
    if room < HEADER_BYTES {
        return Parsed::Trailer;
    }
    let Some(header) = rest.first_chunk::<HEADER_BYTES>() else {
        return Parsed::More;
    };
    if header.iter().all(|byte| *byte == 0) {
        return Parsed::Zeros;
    }
    let record_type = header[6];
    let payload_bytes = usize::from(u16::from_le_bytes([header[4], header[5]]));
    let header_bytes = header_bytes(record_type);
    let total = header_bytes + payload_bytes;
    if total > room {
        return Parsed::TooLong;
    }
    let Some(record) = rest.get(..total) else {
        return Parsed::More;
    };
    let stored = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if stored != checksum(&record[6..]) {
        return Parsed::BadChecksum;
    }
    let log_number = record[HEADER_BYTES..header_bytes].first_chunk::<4>();
    Parsed::Record(Header {
        record_type,
        log_number: log_number.map(|bytes| u32::from_le_bytes(*bytes)),
        bytes: header_bytes,
        payload_bytes,
    })
}

/// Whether a log that begins with these bytes has recyclable headers, be its first record valid or not: a reused file
/// still begins with the record of an older log. The record about compression has a legacy header in both kinds of
/// log, so the one after it decides; 18 bytes are enough. False if there are too few.
pub fn has_recyclable_headers(beginning: &[u8]) -> bool {
    const TYPE_AT: usize = HEADER_BYTES - 1;
    let first = beginning.get(TYPE_AT).copied();
    let deciding = match first {
        Some(record_type::SET_COMPRESSION) => {
            let [length @ .., _] = [4, 5, TYPE_AT].map(|at| beginning.get(at).copied().unwrap_or_default());
            let next = HEADER_BYTES + usize::from(u16::from_le_bytes(length));
            beginning.get(next + TYPE_AT).copied()
        }
        other => other,
    };
    deciding.is_some_and(record_type::has_log_number)
}

/// Appends a physical record with a legacy header.
pub(super) fn put(out: &mut Vec<u8>, record_type: u8, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    // A block has 32 KiB, so the length fits.
    out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
    out.push(record_type);
    out.extend_from_slice(payload);
    let checksum = checksum(&out[start + 6..]);
    out[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// The size of a header of this type.
fn header_bytes(record_type: u8) -> usize {
    if record_type::has_log_number(record_type) {
        RECYCLABLE_HEADER_BYTES
    } else {
        HEADER_BYTES
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    checksum::mask(checksum::crc32c(bytes))
}
