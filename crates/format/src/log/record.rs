//! Logical records as they come out of a log.

use crate::coding::Reader;
use crate::{ColumnFamilyId, FileKind, FileNumber, Result, SequenceNumber};

/// A logical record, put together from its fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// Where its first header starts in the file.
    pub offset: u64,
    /// Where its last payload ends in the file; the log could be cut there.
    pub end_offset: u64,
    /// What the payload is.
    pub kind: RecordKind,
    /// Whether its headers carry a log number.
    pub recyclable: bool,
    /// The payload: of data in a WAL with compression, compressed.
    pub payload: &'a [u8],
}

/// A [`LogRecord`] that owns its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// See [`LogRecord::offset`].
    pub offset: u64,
    /// See [`LogRecord::end_offset`].
    pub end_offset: u64,
    /// See [`LogRecord::kind`].
    pub kind: RecordKind,
    /// See [`LogRecord::recyclable`].
    pub recyclable: bool,
    /// See [`LogRecord::payload`].
    pub payload: Vec<u8>,
}

impl From<LogRecord<'_>> for OwnedRecord {
    fn from(record: LogRecord<'_>) -> Self {
        OwnedRecord {
            offset: record.offset,
            end_offset: record.end_offset,
            kind: record.kind,
            recyclable: record.recyclable,
            payload: record.payload.to_vec(),
        }
    }
}

/// What a logical record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// A write batch of a WAL, a version edit of a MANIFEST.
    Data,
    /// Sizes of user-defined timestamps that hold from here on; see [`timestamp_sizes`].
    TimestampSizes,
    /// What the WAL before this one must look like (`track_and_verify_wals`).
    PredecessorWal(PredecessorWal),
    /// The `CompressionType` of all data that follows (`wal_compression`).
    SetCompression(u32),
}

/// Facts about a WAL, written at the start of its successor (`PredecessorWALInfo`, `db/dbformat.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredecessorWal {
    /// The number in its name.
    pub number: FileNumber,
    /// Its logical size in bytes.
    pub size_bytes: u64,
    /// The sequence number in the header of its last batch, 0 when it has none.
    pub last_sequence: SequenceNumber,
}

impl PredecessorWal {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(PredecessorWal {
            number: FileNumber(reader.fixed64()?),
            size_bytes: reader.fixed64()?,
            last_sequence: SequenceNumber(reader.fixed64()?),
        })
    }

    pub(super) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.number.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.size_bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&self.last_sequence.0.to_le_bytes());
        bytes
    }
}

/// How long the user-defined timestamps of a column family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampSize {
    /// The column family.
    pub column_family: ColumnFamilyId,
    /// Bytes at the end of each of its keys.
    pub bytes: u16,
}

/// The entries of a [`RecordKind::TimestampSizes`] record (`UserDefinedTimestampSizeRecord`, `util/udt_util.h`).
///
/// # Errors
/// Corrupt, with an offset in the payload, when it does not consist of complete entries.
pub fn timestamp_sizes(payload: &[u8]) -> Result<Vec<TimestampSize>> {
    let mut reader = Reader::new(FileKind::Wal, 0, payload);
    let mut sizes = Vec::new();
    while !reader.is_empty() {
        sizes.push(TimestampSize {
            column_family: ColumnFamilyId(reader.fixed32()?),
            bytes: reader.fixed16()?,
        });
    }
    Ok(sizes)
}
