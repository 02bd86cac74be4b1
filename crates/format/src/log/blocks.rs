//! Cuts the bytes of a log into physical records.

use std::ops::Range;

use super::physical::{self, Header, Parsed};
use super::{BLOCK_BYTES, EndReason};

/// The current block of a log that is pushed in pieces, and a cursor in it.
#[derive(Debug)]
pub(super) struct Blocks {
    /// What is there of the current block.
    block: Vec<u8>,
    /// Where the current block starts in the file.
    block_offset: u64,
    /// How much of `block` has been understood.
    cursor: usize,
    /// Where the zeros start that have been passed over since the last record.
    zeros: Option<u64>,
}

/// What comes next.
pub(super) enum Found {
    /// More bytes are needed.
    More,
    /// No record, and nothing can be read after it.
    Stop(EndReason),
    /// A record with the right checksum.
    Record(Physical),
}

/// A physical record with the right checksum.
#[derive(Debug)]
pub(super) struct Physical {
    /// Where its header starts in the file.
    pub(super) offset: u64,
    pub(super) record_type: u8,
    /// The low 32 bits of the number of the log that it was written to, if it is recyclable.
    pub(super) log_number: Option<u32>,
    /// Where the zeros before it start, if there are any.
    pub(super) zeros: Option<u64>,
    payload: Range<usize>,
}

impl Blocks {
    /// For a log that has been read up to `offset`, the end of a record.
    pub(super) fn starting_at(offset: u64) -> Self {
        let in_block = (offset % BLOCK_BYTES as u64) as usize;
        Blocks {
            block: vec![0; in_block],
            block_offset: offset - in_block as u64,
            cursor: in_block,
            zeros: None,
        }
    }

    /// Takes as much of `bytes` as belongs to the current block and returns the rest. To be called when
    /// [`Blocks::next`] needs more.
    pub(super) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.block.len() == BLOCK_BYTES {
            self.block.clear();
            self.block_offset += BLOCK_BYTES as u64;
            self.cursor = 0;
        }
        let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block.len()));
        self.block.extend_from_slice(now);
        later
    }

    /// The next record of the current block.
    pub(super) fn next(&mut self) -> Found {
        let offset = self.offset();
        let inside_zeros = self.zeros.is_some() && self.cursor > 0;
        if inside_zeros {
            return self.pass_zeros(offset);
        }
        match physical::parse(self.rest(), BLOCK_BYTES - self.cursor) {
            Parsed::Zeros => self.pass_zeros(offset),
            Parsed::Trailer => {
                self.cursor = self.block.len();
                Found::More
            }
            Parsed::More => Found::More,
            Parsed::TooLong => Found::Stop(EndReason::BadLength { offset }),
            Parsed::BadChecksum => Found::Stop(EndReason::BadChecksum { offset }),
            Parsed::Record(header) => Found::Record(self.take(offset, &header)),
        }
    }

    fn take(&mut self, offset: u64, header: &Header) -> Physical {
        let start = self.cursor + header.bytes;
        self.cursor = start + header.payload_bytes;
        Physical {
            offset,
            record_type: header.record_type,
            log_number: header.log_number,
            zeros: self.zeros.take(),
            payload: start..self.cursor,
        }
    }

    /// Passes over what is there of the current block, which must be zeros.
    fn pass_zeros(&mut self, offset: u64) -> Found {
        let start = *self.zeros.get_or_insert(offset);
        if self.rest_has_data() {
            return Found::Stop(EndReason::Hole { offset: start });
        }
        self.cursor = self.block.len();
        Found::More
    }

    /// The payload of the record that [`Blocks::next`] returned last.
    pub(super) fn payload(&self, record: &Physical) -> &[u8] {
        &self.block[record.payload.clone()]
    }

    /// The offset in the file of the first byte that has not been understood.
    pub(super) fn offset(&self) -> u64 {
        self.block_offset + self.cursor as u64
    }

    /// The offset in the file of the first byte that has not been taken.
    pub(super) fn end(&self) -> u64 {
        self.block_offset + self.block.len() as u64
    }

    /// Whether all of the current block has been taken.
    pub(super) fn is_full(&self) -> bool {
        self.block.len() == BLOCK_BYTES
    }

    /// Where the zeros start that nothing has followed yet.
    pub(super) fn zeros(&self) -> Option<u64> {
        self.zeros
    }

    /// Whether something but zeros has been taken and not understood.
    pub(super) fn rest_has_data(&self) -> bool {
        self.rest().iter().any(|byte| *byte != 0)
    }

    fn rest(&self) -> &[u8] {
        &self.block[self.cursor..]
    }
}
