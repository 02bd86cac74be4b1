//! Blob files: header, records and footer.
//!
//! From `db/blob/blob_log_format.h`; all numbers little-endian, checksums masked CRC-32C:
//!
//! ```text
//! header   30 bytes   magic fixed32, version fixed32, column family fixed32, flags, compression, expiration 2 x fixed64
//! record*             key length fixed64, value length fixed64, expiration fixed64,
//!                     checksum of these three fixed32, checksum of key and value fixed32, key, value
//! footer   32 bytes   magic fixed32, blob count fixed64, expiration 2 x fixed64, checksum of all before it fixed32
//! ```
//!
//! The footer is written when the file is finished. Only the value is compressed, and its length is the length in
//! the file. The header has no checksum.

mod scan;

pub use scan::{BlobFinding, BlobPart, BlobScanner, BlobSink, BlobSummary};

use crate::checksum::{crc32c, unmask};
use crate::coding::Reader;
use crate::{ColumnFamilyId, Crc32c, FileKind, FormatError, Result};

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 30;
/// Length of a record in bytes, without key and value.
pub const RECORD_HEADER_LEN: usize = 32;
/// Length of the footer in bytes.
pub const FOOTER_LEN: usize = 32;

const MAGIC: u32 = 0x0024_8f37;
const VERSION: u32 = 1;
/// The flag that says that the file's blobs expire.
const HAS_TTL: u8 = 1;

/// From when to when blobs expire, in seconds since 1970; both are zero if none does. In a header it is what was planned,
/// in a footer the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExpirationRange {
    /// The earliest.
    pub first: u64,
    /// The latest.
    pub last: u64,
}

impl ExpirationRange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(ExpirationRange {
            first: reader.fixed64()?,
            last: reader.fixed64()?,
        })
    }
}

/// The first bytes of a blob file: `BlobLogHeader`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFileHeader {
    /// The column family that the blobs belong to.
    pub column_family_id: ColumnFamilyId,
    /// Bit 0: blobs expire. RocksDB ignores the others.
    pub flags: u8,
    /// `CompressionType` of the values, in RocksDB's numbers.
    pub compression: u8,
    /// When the blobs were to expire.
    pub expiration: ExpirationRange,
}

impl BlobFileHeader {
    /// Reads a header from its [`HEADER_LEN`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(FileKind::Blob, 0, bytes);
        read_magic(&mut reader)?;
        let start = reader.clone();
        let version = reader.fixed32()?;
        if version != VERSION {
            return Err(start.unsupported(format!("version {version}")));
        }
        let header = BlobFileHeader {
            column_family_id: ColumnFamilyId(reader.fixed32()?),
            flags: reader.u8()?,
            compression: reader.u8()?,
            expiration: ExpirationRange::decode(&mut reader)?,
        };
        at_end(&reader)?;
        Ok(header)
    }

    /// Whether blobs of this file expire.
    pub fn has_ttl(&self) -> bool {
        self.flags & HAS_TTL != 0
    }
}

/// The last bytes of a finished blob file: `BlobLogFooter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFileFooter {
    /// How many records the file has.
    pub blob_count: u64,
    /// When the blobs expire.
    pub expiration: ExpirationRange,
}

impl BlobFileFooter {
    /// Reads a footer at `offset` of the file from its [`FOOTER_LEN`] bytes.
    pub fn decode(offset: u64, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(FileKind::Blob, offset, bytes);
        read_magic(&mut reader)?;
        let footer = BlobFileFooter {
            blob_count: reader.fixed64()?,
            expiration: ExpirationRange::decode(&mut reader)?,
        };
        let computed = crc32c(&bytes[..reader.position()]);
        check_crc(&mut reader, computed, "footer")?;
        at_end(&reader)?;
        Ok(footer)
    }
}

/// Reads both ends of a finished blob file of `file_size` bytes, from its first [`HEADER_LEN`] and its last [`FOOTER_LEN`]
/// bytes, and checks that there is room for as many records as the footer counts.
pub fn decode_ends(file_size: u64, header: &[u8], footer: &[u8]) -> Result<(BlobFileHeader, BlobFileFooter)> {
    let footer_at = file_size
        .checked_sub(FOOTER_LEN as u64)
        .filter(|at| *at >= HEADER_LEN as u64)
        .ok_or_else(|| corrupt(0, format!("{file_size} bytes are too few for a finished file")))?;
    let header = BlobFileHeader::decode(header)?;
    let footer = BlobFileFooter::decode(footer_at, footer)?;
    let room = (footer_at - HEADER_LEN as u64) / RECORD_HEADER_LEN as u64;
    if footer.blob_count > room {
        let count = footer.blob_count;
        return Err(corrupt(
            footer_at,
            format!("{count} blobs do not fit into {file_size} bytes"),
        ));
    }
    Ok((header, footer))
}

fn corrupt(offset: u64, reason: String) -> FormatError {
    FormatError::corrupt(FileKind::Blob, offset, reason)
}

fn read_magic(reader: &mut Reader<'_>) -> Result<()> {
    let start = reader.clone();
    match reader.fixed32()? {
        MAGIC => Ok(()),
        other => Err(start.corrupt(format!("the magic number is {other:#010x}"))),
    }
}

fn check_crc(reader: &mut Reader<'_>, computed: Crc32c, what: &str) -> Result<()> {
    let start = reader.clone();
    let stored = unmask(reader.fixed32()?);
    if stored == computed {
        return Ok(());
    }
    Err(start.corrupt(format!(
        "the {what}'s checksum is {:#010x}, not {:#010x}",
        computed.0, stored.0
    )))
}

fn at_end(reader: &Reader<'_>) -> Result<()> {
    if reader.is_empty() {
        return Ok(());
    }
    Err(reader.corrupt(format!("{} bytes more than expected", reader.rest().len())))
}
