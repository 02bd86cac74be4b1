//! Logical records as they come out of a log.

use crate::coding::Reader;
use crate::{FileNumber, Result, SequenceNumber};

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

/// What a logical record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// A write batch of a WAL, a version edit of a MANIFEST.
    Data,
    /// Sizes of user-defined timestamps that hold from here on.
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
}
