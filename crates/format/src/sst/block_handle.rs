//! The place of a block in a table file.

use std::fmt;

use crate::Result;
use crate::coding::Reader;

/// How many bytes follow each block of a block-based table: compression type and checksum.
pub const BLOCK_TRAILER_LEN: usize = 5;

/// Where a block is: `BlockHandle` in `table/format.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockHandle {
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Length in bytes, without the trailer.
    pub size: u64,
}

impl BlockHandle {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(BlockHandle {
            offset: reader.varint64()?,
            size: reader.varint64()?,
        })
    }

    /// The offset behind the block and a trailer, if there is such a number.
    pub(super) fn end(&self, trailer_len: usize) -> Option<u64> {
        self.offset
            .checked_add(self.size)?
            .checked_add(trailer_len as u64)
    }
}

impl fmt::Display for BlockHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.size, self.offset)
    }
}
