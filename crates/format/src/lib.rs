//! The files of RocksDB and of its BackupEngine: bytes to values and back.
//!
//! Everything here is a pure function over bytes: no files, no clock, no threads, no `unsafe`. Parsers are
//! total: they never panic, never allocate by a size that a file claims, keep unknown tags that RocksDB
//! marks as safe to ignore, and return an error with file kind, offset and tag for any other unknown tag.

pub mod backup_meta;
pub mod backup_name;
pub mod blob;
pub mod checksum;
pub mod coding;
mod decimal;
mod error;
pub mod file_name;
mod file_number_text;
mod ids;
pub mod log;
pub mod manifest;
pub mod options;
mod short_text;
pub mod sst;
mod temperature;
pub mod unique_id;
pub mod wal;
mod whole_text;

pub use error::{FileKind, FormatError, Problem, Result};
pub use ids::{BackupId, ColumnFamilyId, Crc32c, FileNumber, SequenceNumber};
pub use temperature::Temperature;
pub use whole_text::{EndlessLine, WholeText};
