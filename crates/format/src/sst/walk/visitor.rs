//! What a walk tells: blocks, entries, findings.

use std::fmt;

use crate::FormatError;
use crate::sst::{BlockHandle, ChecksumVerdict, Compression, InternalKey};

/// What a block is for: `BlockType` in `table/block_based/block_type.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BlockKind {
    /// Entries of the database.
    Data,
    /// The index, or with two levels one part of it.
    Index,
    /// The index of a partitioned index.
    TopLevelIndex,
    /// A filter, or one part of it.
    Filter,
    /// The index of a partitioned filter.
    FilterIndex,
    /// Range deletions.
    RangeDeletion,
    /// What data blocks were compressed with.
    CompressionDictionary,
    /// Prefixes of the index type `kHashSearch`, and where they are.
    HashIndex,
    /// The properties.
    Properties,
    /// The names of the blocks that are no data blocks.
    Metaindex,
    /// Named in the metaindex, but not known here.
    Other,
    /// No block: bytes that nothing names.
    Unnamed,
    /// The end of the file.
    Footer,
}

impl fmt::Display for BlockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BlockKind::Data => "data block",
            BlockKind::Index => "index block",
            BlockKind::TopLevelIndex => "top-level index block",
            BlockKind::Filter => "filter block",
            BlockKind::FilterIndex => "filter index block",
            BlockKind::RangeDeletion => "range deletion block",
            BlockKind::CompressionDictionary => "compression dictionary block",
            BlockKind::HashIndex => "hash index block",
            BlockKind::Properties => "properties block",
            BlockKind::Metaindex => "metaindex block",
            BlockKind::Other => "meta block of an unknown kind",
            BlockKind::Unnamed => "unnamed bytes",
            BlockKind::Footer => "footer",
        })
    }
}

/// A block that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkedBlock {
    /// What it is for.
    pub kind: BlockKind,
    /// Where it is.
    pub handle: BlockHandle,
    /// How it is compressed.
    pub compression: Compression,
    /// What its checksum says.
    pub checksum: ChecksumVerdict,
}

/// The user's keys that a finding is about, as far as the blocks around it say. Timestamps are parts of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRange<'a> {
    /// They are greater than this, or equal to it; from the first key on if it is `None`.
    pub from: Option<&'a [u8]>,
    /// They are not greater than this; to the last key if it is `None`.
    pub to: Option<&'a [u8]>,
}

/// Something that is wrong with a table, or that could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    /// What is damaged.
    pub kind: BlockKind,
    /// Where it is.
    pub handle: BlockHandle,
    /// Which keys are affected; `None` if no entry is, as with filters and properties.
    pub keys: Option<KeyRange<'a>>,
    /// What is wrong. Unsupported means that nothing is known to be wrong, but not all was checked.
    pub error: &'a FormatError,
}

/// Gets what a walk finds, in the order in which it does.
pub trait TableVisitor {
    /// A block was read, whatever its checksum says.
    fn block(&mut self, block: &WalkedBlock) {
        let _ = block;
    }

    /// An entry of a data block, or a range deletion, whose value is the user's key before which it ends.
    fn entry(&mut self, key: &InternalKey<'_>, value: &[u8]) {
        let _ = (key, value);
    }

    /// Something is wrong, or was not checked.
    fn finding(&mut self, finding: &Finding<'_>) {
        let _ = finding;
    }
}
