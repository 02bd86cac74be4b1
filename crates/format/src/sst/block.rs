//! Blocks: whether the checksum of one is right, which entries a meta block has.
//!
//! A block of a block-based table is followed by five bytes: its compression type and a checksum of block and type
//! (`table/block_based/block_based_table_builder.cc`). Plain and cuckoo tables have bare blocks. The content
//! (`table/block_based/block_builder.cc`):
//!
//! ```text
//! entry*            shared varint32, unshared varint32, value length varint32, rest of the key, value
//! restart*          fixed32, offsets of entries with shared = 0
//! restart count     fixed32, the top four bits are features of data blocks
//! ```
//!
//! The key of an entry is the first `shared` bytes of the key before it and the rest in the entry.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::compression::Compression;
use super::footer::Footer;
use super::trailer::StoredBlock;
use crate::checksum::ChecksumType;
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

/// The largest restart count (`table/block_based/data_block_footer.h`); the bits above it are features.
const MAX_RESTARTS: u32 = (1 << 28) - 1;
/// A meta block's keys may expand to this many bytes in all; shared prefixes could expand them quadratically.
const MAX_KEY_BYTES: usize = 16 << 20;

/// An uncompressed block and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    offset: u64,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    /// Splits what was read at `offset`, the trailer included; [`check_trailer`] says whether it is right.
    pub(super) fn new(footer: &Footer, offset: u64, stored: &'a [u8]) -> Result<Self> {
        let content_len = stored
            .len()
            .checked_sub(footer.block_trailer_len())
            .ok_or_else(|| {
                FormatError::corrupt(FileKind::Table, offset, "the block is shorter than its trailer")
            })?;
        let content = &stored[..content_len];
        Ok(Block { offset, content })
    }

    /// The block at `offset` that has this content.
    pub(super) fn of_content(offset: u64, content: &'a [u8]) -> Self {
        Block { offset, content }
    }

    /// Calls `each` with key, value, and where in the block the value begins. Keys must ascend, as RocksDB's do.
    pub(super) fn for_each(&self, mut each: impl FnMut(&[u8], &[u8], usize)) -> Result<()> {
        self.walk(|key, value, value_at| {
            each(key, value, value_at);
            ControlFlow::Continue(())
        })
    }

    /// The value of this key. Entries after it are not read.
    pub(super) fn value_of(&self, wanted: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        self.walk(|key, value, _| match key.cmp(wanted) {
            Ordering::Less => ControlFlow::Continue(()),
            order => {
                found = order.is_eq().then(|| value.to_vec());
                ControlFlow::Break(())
            }
        })?;
        Ok(found)
    }

    fn walk(&self, mut each: impl FnMut(&[u8], &[u8], usize) -> ControlFlow<()>) -> Result<()> {
        let mut reader = self.entries()?;
        let (mut key, mut is_first, mut key_bytes) = (Vec::new(), true, 0);
        while !reader.is_empty() {
            let start = reader.clone();
            let shared = reader.varint32()? as usize;
            let unshared = reader.varint32()? as usize;
            let value_len = reader.varint32()? as usize;
            let Some(last) = key.get(shared..) else {
                return Err(start.corrupt("an entry shares more than the key before it has"));
            };
            let rest = reader.bytes(unshared)?;
            // The shared prefix does not decide their order.
            if !is_first && rest <= last {
                return Err(start.corrupt("the keys of a meta block do not ascend"));
            }
            is_first = false;
            key.truncate(shared);
            key.extend_from_slice(rest);
            key_bytes += key.len();
            if key_bytes > MAX_KEY_BYTES {
                return Err(start.unsupported(format!("more than {MAX_KEY_BYTES} bytes of keys")));
            }
            let value_at = reader.position();
            if each(&key, reader.bytes(value_len)?, value_at).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The part before the restarts.
    fn entries(&self) -> Result<Reader<'a>> {
        let at_count = self.content.len().saturating_sub(4);
        let mut reader = Reader::new(
            FileKind::Table,
            self.offset + at_count as u64,
            &self.content[at_count..],
        );
        let start = reader.clone();
        let restarts = reader.fixed32()?;
        if restarts > MAX_RESTARTS {
            return Err(start.unsupported(format!("block features {:#x}", restarts >> 28)));
        }
        let end = (restarts as usize)
            .checked_mul(4)
            .and_then(|bytes| at_count.checked_sub(bytes));
        let end = end.ok_or_else(|| start.corrupt(format!("{restarts} restarts do not fit the block")))?;
        Ok(Reader::new(FileKind::Table, self.offset, &self.content[..end]))
    }
}

/// Whether the checksum behind the meta block at `offset` is right. `stored` is the block with its trailer.
pub(super) fn check_trailer(footer: &Footer, offset: u64, stored: &[u8]) -> Result<()> {
    let block = StoredBlock::split(footer, offset, stored)?;
    let at_trailer = offset + block.content.len() as u64;
    if footer.checksum != ChecksumType::None {
        block.checksum.check(at_trailer)?;
    }
    if block.compression != Compression::None {
        let reason = format!("a meta block with {}", block.compression);
        return Err(FormatError::unsupported(FileKind::Table, at_trailer, reason));
    }
    Ok(())
}
