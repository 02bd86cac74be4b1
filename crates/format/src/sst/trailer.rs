//! What follows each block: its compression and its checksum.
//!
//! From `table/block_based/block_based_table_builder.cc`; plain and cuckoo tables have bare blocks.
//!
//! ```text
//! compression type   1 byte
//! checksum           fixed32, of content and compression type under the footer's algorithm, from format version 6 on
//!                    plus a value that stands for the file and the block's offset
//! ```

use super::block_handle::BlockHandle;
use super::compression::Compression;
use super::footer::Footer;
use crate::checksum::{BlockHasher, ChecksumType, block_checksum, context_modifier};
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

/// What the checksum behind a block says about it.
///
/// Exhaustive: there is one or not, and it is right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumVerdict {
    /// The block is as it was written.
    Right,
    /// The file has no checksums, and this block none either, so nothing is known.
    Absent,
    /// Block or checksum have changed, or the footer, which says how checksums are computed. RocksDB passes over it if
    /// the footer says that there are none.
    Wrong {
        /// What stands in the file.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
}

impl ChecksumVerdict {
    /// An error about the block at `offset` if the checksum is wrong.
    ///
    /// # Errors
    /// Corrupt, with both checksums.
    pub fn check(self, offset: u64) -> Result<()> {
        match self {
            ChecksumVerdict::Right | ChecksumVerdict::Absent => Ok(()),
            ChecksumVerdict::Wrong { stored, computed } => Err(FormatError::corrupt(
                FileKind::Table,
                offset,
                format!("the block's checksum is {computed:#010x}, not {stored:#010x}"),
            )),
        }
    }
}

/// A block as it is stored, apart from its trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlock<'a> {
    /// Where in the file the block begins.
    pub offset: u64,
    /// The content, maybe compressed.
    pub content: &'a [u8],
    /// How the content is compressed.
    pub compression: Compression,
    /// Whether the checksum is right.
    pub checksum: ChecksumVerdict,
}

impl<'a> StoredBlock<'a> {
    /// Splits `stored`, the bytes of the block at `offset` with its trailer, and computes the checksum.
    ///
    /// # Errors
    /// Corrupt if there are fewer bytes than a trailer has.
    pub fn split(footer: &Footer, offset: u64, stored: &'a [u8]) -> Result<Self> {
        let trailer_len = footer.block_trailer_len();
        let at_trailer = stored.len().checked_sub(trailer_len).ok_or_else(|| {
            FormatError::corrupt(FileKind::Table, offset, "the block is shorter than its trailer")
        })?;
        let (content, trailer) = stored.split_at(at_trailer);
        let (compression, checksum) = verdict(footer, offset, trailer, |last| {
            block_checksum(footer.checksum, content, last)
        })?;
        Ok(StoredBlock {
            offset,
            content,
            compression,
            checksum,
        })
    }

    /// Where the block is.
    pub fn handle(&self) -> BlockHandle {
        BlockHandle {
            offset: self.offset,
            size: self.content.len() as u64,
        }
    }
}

/// Computes the checksum of a block that comes in pieces.
pub(super) struct TrailerCheck {
    footer: Footer,
    hasher: BlockHasher,
}

impl TrailerCheck {
    pub(super) fn new(footer: &Footer) -> Self {
        TrailerCheck {
            footer: *footer,
            hasher: BlockHasher::new(footer.checksum),
        }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        if self.footer.block_trailer_len() > 0 {
            self.hasher.update(piece);
        }
    }

    /// `trailer` is what follows the block that begins at `offset`.
    pub(super) fn finish(self, offset: u64, trailer: &[u8]) -> Result<(Compression, ChecksumVerdict)> {
        let hasher = self.hasher;
        verdict(&self.footer, offset, trailer, |last| hasher.finish(last))
    }
}

/// What the trailer of the block at `offset` says; `compute` gives the checksum for a last byte.
fn verdict(
    footer: &Footer,
    offset: u64,
    trailer: &[u8],
    compute: impl FnOnce(u8) -> u32,
) -> Result<(Compression, ChecksumVerdict)> {
    if footer.block_trailer_len() == 0 {
        return Ok((Compression::None, ChecksumVerdict::Absent));
    }
    let mut reader = Reader::new(FileKind::Table, offset, trailer);
    let number = reader.u8()?;
    let stored = reader.fixed32()?;
    let compression = Compression::from_number(number);
    let modifier = context_modifier(footer.base_context_checksum, offset);
    let computed = compute(number).wrapping_add(modifier);
    let verdict = match footer.checksum {
        _ if stored != computed => ChecksumVerdict::Wrong { stored, computed },
        ChecksumType::None => ChecksumVerdict::Absent,
        _ => ChecksumVerdict::Right,
    };
    Ok((compression, verdict))
}
