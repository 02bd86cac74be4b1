//! The end of a block: restart points, hash index, features.
//!
//! A decompressed data or index block (`table/block_based/block_builder.cc`, `data_block_footer.h`,
//! `data_block_hash_index.h`), its end first:
//!
//! ```text
//! fixed32   restart count in the low 28 bits; bit 31: hash index, 29: evenly distributed keys, 28: values apart
//! fixed32   only with values apart: where they begin
//! fixed16   only with a hash index: how many buckets
//! byte*     only with a hash index: the buckets, each a restart point, 254 for several, or 255 for none
//! fixed32*  restart points: offsets of entries that share nothing with the key before them
//! value*    only with values apart
//! entry*
//! ```

use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

const COUNT_LEN: usize = 4;
const RESTART_LEN: usize = 4;
const MAX_RESTARTS: u32 = (1 << 28) - 1;
const HASH_INDEX: u32 = 1 << 31;
const EVEN_KEYS: u32 = 1 << 29;
const VALUES_APART: u32 = 1 << 28;
/// `kCollision` of the hash index; what is above it stands for no restart point either.
const SEVERAL: u8 = 254;

/// A block's parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockLayout<'a> {
    /// Where the block begins in the file, for errors.
    pub(super) offset: u64,
    /// The entries, without their values if those are apart.
    pub(super) entries: &'a [u8],
    /// The values, if they are apart.
    pub(super) values: Option<&'a [u8]>,
    restarts: &'a [u8],
}

impl<'a> BlockLayout<'a> {
    /// Divides `content`, the decompressed block at `offset`.
    pub(super) fn of(offset: u64, content: &'a [u8]) -> Result<Self> {
        let mut end = End { offset, content };
        let packed = end.fixed32("a restart count")?;
        let count = packed & !(HASH_INDEX | EVEN_KEYS | VALUES_APART);
        if count > MAX_RESTARTS {
            return Err(end.unsupported(format!("the block has features {:#x}", packed >> 28)));
        }
        let values_at = match packed & VALUES_APART {
            0 => None,
            _ => Some(end.fixed32("the place of its values")? as usize),
        };
        let buckets = match packed & HASH_INDEX {
            0 => &[],
            _ => {
                let count = end.bytes(2, "a count of buckets")?;
                let count = count
                    .iter()
                    .rev()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                end.bytes(count, "its buckets")?
            }
        };
        if let Some(bucket) = buckets
            .iter()
            .find(|it| **it < SEVERAL && u32::from(**it) >= count)
        {
            return Err(end.corrupt(format!("the hash index names restart point {bucket} of {count}")));
        }
        let restarts = end.bytes(count as usize * RESTART_LEN, "its restart points")?;
        let (entries, values) = match values_at {
            None => (end.content, None),
            Some(at) => {
                let parts = end.content.split_at_checked(at);
                let parts = parts.ok_or_else(|| end.corrupt("its values begin behind their end"))?;
                (parts.0, Some(parts.1))
            }
        };
        Ok(BlockLayout {
            offset,
            entries,
            values,
            restarts,
        })
    }

    /// Restart points as offsets in the entries.
    pub(super) fn restart(&self, index: usize) -> Option<usize> {
        let at = index.checked_mul(RESTART_LEN)?;
        let bytes = self.restarts.get(at..at + RESTART_LEN)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }
}

/// A block of which parts are taken from the end.
struct End<'a> {
    offset: u64,
    content: &'a [u8],
}

impl<'a> End<'a> {
    fn bytes(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let parts = self
            .content
            .len()
            .checked_sub(count)
            .map(|at| self.content.split_at(at));
        let (rest, taken) = parts.ok_or_else(|| {
            self.corrupt(format!(
                "the block is too short for {what}: {} bytes",
                self.content.len()
            ))
        })?;
        self.content = rest;
        Ok(taken)
    }

    fn fixed32(&mut self, what: &str) -> Result<u32> {
        let bytes = self.bytes(COUNT_LEN, what)?;
        Reader::new(FileKind::Table, self.offset, bytes).fixed32()
    }

    fn corrupt(&self, reason: impl Into<String>) -> FormatError {
        FormatError::corrupt(FileKind::Table, self.offset, reason)
    }

    fn unsupported(&self, reason: impl Into<String>) -> FormatError {
        FormatError::unsupported(FileKind::Table, self.offset, reason)
    }
}
