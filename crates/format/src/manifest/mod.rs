//! The MANIFEST: version edits, decoded, encoded and folded into the state of a database.
//!
//! ```text
//! MANIFEST-<n>   log framing (see `crate::log`), never recyclable, log number 0
//!   record       one version edit: fields until the payload ends
//!     field      tag (varint32), then what that tag says
//!                an unknown tag with bit 13 set: length (varint32), that many bytes, kept
//!                any other unknown tag: a newer RocksDB wrote something that must not be guessed
//!   new file     tag 103: level, number, size, smallest key, largest key, smallest seqno, largest seqno,
//!                then custom fields: tag (varint32), length, bytes; ended by tag 1;
//!                an unknown custom tag with bit 6 set must not be ignored
//! ```
//!
//! Source of truth: `db/version_edit.{h,cc}`, `db/wal_edit.cc`, `db/blob/blob_file_addition.cc` and
//! `db/blob/blob_file_garbage.cc` for the bytes; `db/version_edit_handler.cc` and `db/version_builder.cc` for
//! what they mean together. Read: everything from LevelDB's `kNewFile` to 11.9. Written: what 11.9 writes.

mod blob;
mod column_family;
mod current;
mod decode;
mod describe;
mod edit;
mod field;
mod flat;
mod flush;
mod group;
mod leveldb;
mod new_file;
mod reader;
mod removal;
mod state;
mod table_file;
mod table_identity;
mod tag;
mod wal;

pub use blob::{BlobFileAddition, BlobFileGarbage};
pub use column_family::{BlobFile, ColumnFamily};
pub use current::{encode_current, parse_current};
pub use edit::{ColumnFamilyChange, CompactCursor, DeletedFile, VersionEdit};
pub use field::UnknownField;
pub use flat::write_flat;
pub use flush::Flush;
pub use group::{GroupBuffer, PlacedEdit};
pub use leveldb::is_leveldb_edit;
pub use new_file::{NewFile, NewFileForm};
pub use reader::{ManifestEnd, ManifestReader, ManifestRest};
pub use removal::Removal;
pub use state::{DatabaseState, LiveBlob, LiveTable};
pub use table_file::{FileChecksum, TableBounds, TableFile};
pub use table_identity::TableIdentity;
pub use wal::{TrackedWals, WalAddition};
