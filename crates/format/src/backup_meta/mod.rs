//! The meta file of a backup: `meta/<id>`, in either schema.
//!
//! Its source of truth is `BackupMeta::LoadFromFile` and `StoreToFile` in RocksDB's
//! `utilities/backup/backup_engine.cc`. It is text; every line ends in a newline, the last one too.
//!
//! ```text
//! schema_version 2.1                         schema 2 only
//! 1735689600                                 seconds since 1970
//! 4711                                       sequence number
//! metadata 6162630A                          optional: the application's metadata in hex
//! some.field any text                        schema 2 only: further fields
//! 3                                          number of files, without excluded ones
//! shared_checksum/000008_s…_980.sst crc32 1152751073
//! private/1/MANIFEST-000005 crc32 1272007845 temp kWarm size 100 some.field value     pairs: schema 2 only
//! private/1/CURRENT crc32 993937570
//! shared_checksum/000009_s…_981.sst ni::excluded true      schema 2 only
//! // FOOTER                                  schema 2 only, optional
//! some.field any text
//! ```
//!
//! `crc32` is a CRC-32C, unmasked, in decimal. Each line of schema 1 must have it, a line of schema 2 may.
//!
//! Version rule: a schema of another major version, and a field whose name begins with `ni::` that is not known
//! here, are [`Problem::Unsupported`](crate::Problem::Unsupported). Other unknown fields are kept as they are, whatever
//! their names: RocksDB ignores them.
//!
//! What is read here is narrower than what RocksDB reads, which takes any file in its directories, numbers with
//! garbage behind them, and two files that are restored under one name: all of that is called corrupt here, and so is a line of more than 1 MiB other than the application's metadata. Garbage
//! in place of the timestamp or the sequence number is read as RocksDB reads it, since no file depends on it.

mod decode;
mod encode;
mod field;
mod header_number;
mod known_paths;
mod line;
mod path_table;

use std::fmt;

use crate::backup_name::RepoPath;
use crate::{Crc32c, SequenceNumber, Temperature};

pub use decode::{MetaDecoder, MetaLine};
pub use encode::EncodeError;
pub use field::Field;
pub use header_number::HeaderNumber;
pub use known_paths::LineMemory;
pub use path_table::{PathId, PathTable};

/// The longest line that is read, the application's metadata aside.
pub const LINE_LIMIT_BYTES: usize = 1 << 20;
/// How many bytes of the application's metadata are held: RocksDB writes no more (`kMaxAppMetaSize` in
/// `utilities/backup/backup_engine.cc`).
pub const APP_METADATA_LIMIT_BYTES: usize = 1 << 20;

const SCHEMA_VERSION: &[u8] = b"schema_version ";
const FOOTER: &[u8] = b"// FOOTER";
const METADATA: &str = "metadata";
const CRC32: &str = "crc32";
const SIZE: &str = "size";
const TEMP: &str = "temp";
const EXCLUDED: &str = "ni::excluded";
const NON_IGNORABLE: &[u8] = b"ni::";

/// Which form a meta file has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SchemaVersion {
    /// No version line; every engine since 4.13 reads it.
    #[default]
    One,
    /// `schema_version 2` or `2.<minor>`; engines from 6.20 on read it.
    Two {
        /// The text after `2.`, which no reader uses.
        minor: Option<Box<str>>,
    },
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaVersion::One => f.write_str("1"),
            SchemaVersion::Two { minor: None } => f.write_str("2"),
            SchemaVersion::Two { minor: Some(minor) } => write!(f, "2.{minor}"),
        }
    }
}

impl SchemaVersion {
    /// Schema 2 as RocksDB writes it: 2.1.
    pub fn two() -> Self {
        SchemaVersion::Two {
            minor: Some("1".into()),
        }
    }
}

/// The part of a meta file before the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetaHead {
    /// Which form the file has.
    pub schema: SchemaVersion,
    /// When the backup was made: [`MetaHead::timestamp_seconds`].
    pub timestamp: HeaderNumber,
    /// The database's sequence number about when the backup was made: RocksDB calls it only approximate.
    pub sequence: HeaderNumber,
    /// The application's metadata, any bytes, at most [`APP_METADATA_LIMIT_BYTES`] of them. Absent is the same as empty.
    pub app_metadata: Vec<u8>,
    /// How many more bytes of them the meta file has. A head that lacks some cannot be written.
    pub app_metadata_omitted_bytes: u64,
    /// Fields that are not known here, in their order (schema 2 only).
    pub fields: Vec<Field>,
}

impl MetaHead {
    /// When the backup was made, in seconds since 1970-01-01 UTC.
    pub fn timestamp_seconds(&self) -> i64 {
        self.timestamp.value() as i64
    }

    /// The sequence number that the meta file gives.
    pub fn sequence_number(&self) -> SequenceNumber {
        SequenceNumber(self.sequence.value())
    }
}

/// A backup's meta file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupMeta {
    /// The part before the files.
    pub head: MetaHead,
    /// The files in their order, excluded ones too.
    pub files: Vec<MetaFile>,
    /// Fields after the files that are not known here, in their order (schema 2 only).
    pub footer_fields: Vec<Field>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFile {
    /// Where it lies, relative to the backup directory.
    pub path: RepoPath,
    /// The checksum of its content; schema 2 may lack it.
    pub crc32c: Option<Crc32c>,
    /// Its size in bytes. Only in schema 2, and RocksDB itself never writes it; see [`RepoPath::size_bytes`].
    pub size_bytes: Option<u64>,
    /// Its temperature in the database (schema 2 only).
    pub temperature: Temperature,
    /// Whether the backup was made without the file's content: it is in another backup directory (schema 2 only).
    pub excluded: bool,
    /// Fields that are not known here, in their order (schema 2 only). A temperature that is not known here too.
    pub fields: Vec<Field>,
}

impl MetaFile {
    /// A file with its checksum.
    pub fn new(path: RepoPath, crc32c: Crc32c) -> Self {
        MetaFile {
            crc32c: Some(crc32c),
            ..Self::without_checksum(path)
        }
    }

    /// The checksum that its line gives, else the one in its name.
    pub fn recorded_crc32c(&self) -> Option<Crc32c> {
        self.crc32c.or(self.path.crc32c())
    }

    /// The size in bytes that its line gives, else the one in its name.
    pub fn recorded_size_bytes(&self) -> Option<u64> {
        self.size_bytes.or(self.path.size_bytes())
    }

    /// A file that was left out of the backup.
    pub fn excluded(path: RepoPath) -> Self {
        MetaFile {
            excluded: true,
            ..Self::without_checksum(path)
        }
    }

    fn without_checksum(path: RepoPath) -> Self {
        MetaFile {
            path,
            crc32c: None,
            size_bytes: None,
            temperature: Temperature::Unknown,
            excluded: false,
            fields: Vec::new(),
        }
    }
}
