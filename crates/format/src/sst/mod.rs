//! Table files: footers, the metaindex, the properties block, all other blocks.
//!
//! A table file ends with its footer, which points to the metaindex block, which names the properties block, which
//! says who made the file. [`read_tail`] walks that way, mostly with one read. The data before it is not looked at.
//! [`StoredBlock`] checks the trailer of any block, and [`Decompressor`] gives its content. [`walk`] reads all blocks.

mod block;
mod block_handle;
mod compression;
mod decompress;
mod end;
mod entries;
mod footer;
mod index_entries;
mod internal_key;
mod key_order;
mod layout;
mod properties;
mod read;
mod trailer;
pub mod walk;

pub use block_handle::{BLOCK_TRAILER_LEN, BlockHandle};
pub use compression::Compression;
pub use decompress::Decompressor;
pub use end::TableEnd;
pub use footer::{Footer, TableKind};
pub use internal_key::{EntryType, InternalKey};
pub use key_order::Comparator;
pub use properties::TableProperties;
pub use read::{MAX_META_BLOCK_BYTES, ReadError, TableTail, read_properties, read_session_id, read_tail};
pub use trailer::{ChecksumVerdict, StoredBlock};
