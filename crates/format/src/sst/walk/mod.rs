//! A walk through a whole block-based table: every block, every entry, every byte. Plain and cuckoo tables have no checksums; of them only the
//! properties are read.
//!
//! [`walk_table`] reads footer and metaindex, then the properties, then the blocks that the metaindex names, then the
//! index, and in its order, which is that of the file, the data blocks one at a time. It checks
//!
//! - the checksum of each block, and that it can be decompressed;
//! - that entries can be read, restart points and hash indexes included, and are of known types;
//! - that keys ascend, within blocks and between them, if the comparator is one of RocksDB's own;
//! - that each separator of the index is between the blocks that it separates, and first keys in the index are those of the blocks;
//! - that the properties say what was found;
//! - that every byte of the file belongs to one block or is padding.
//!
//! Damage of one block does not end the walk. The caller gets what is found through a [`TableVisitor`], and a [`TableSummary`],
//! which a [`TableClaim`] compares with the MANIFEST. What is in filters is not checked, only their checksums.
//!
//! Memory is bounded by [`WalkOptions::memory_bytes`], of which blocks that lie about their size get no more. Time is bounded by the
//! size of the file and what its blocks expand to: no block is read twice.

mod blocks;
mod claim;
mod coverage;
mod data;
mod data_entries;
mod end;
mod index;
mod meta;
mod options;
mod range_deletions;
mod state;
mod summary;
mod table;
mod visitor;
mod window;

pub use claim::{Contradiction, TableClaim};
pub use options::WalkOptions;
pub use summary::{TableCounts, TableSummary};
pub use table::walk_table;
pub use visitor::{BlockKind, Finding, KeyRange, TableVisitor, WalkedBlock};
pub use window::ReadAt;
