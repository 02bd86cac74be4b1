//! What a segment says of itself: its place in the chain, and what of which WALs it has.

use std::fmt;

use serde::{Deserialize, Serialize};
use stonekeep_format::wal::SequenceBounds;
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber};

use super::bare;
pub use super::places::{ManifestPosition, WalPosition};
use super::raw_record::RawRecord;
use super::resume_point::ResumePoint;
use super::segment_name::{Ordinal, Owner, SegmentName};
use super::stream_id::StreamId;

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its stream.
    pub stream: StreamId,
    /// Its ordinals and its writer.
    pub name: SegmentName,
    /// The owner of the stream who wrote it, or who joined it.
    pub owner: Owner,
    /// Checksum of all bytes of the segment before the first ordinal; `None` for the first one of the stream.
    pub previous_crc32c: Option<Crc32c>,
    /// Of a joined segment, and only of one: checksum of all bytes of the last segment that it joined. The segment after it names
    /// this one, since it was written before they were joined.
    pub last_crc32c: Option<Crc32c>,
    /// Which database it is.
    pub origin: Origin,
    /// What it holds: one part for each ordinal, so one unless it is joined.
    pub parts: Vec<Part>,
    /// Where its follower was then; absent where that would be long.
    pub resume: Option<ResumePoint>,
}

/// Which database a stream is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The database id, where the database has one.
    pub database_id: Option<String>,
    /// The directory of the database on the host of the follower.
    pub directory: String,
}

/// What one segment holds. Where several were joined, each is a part of the joined one, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The ordinal of the segment.
    pub ordinal: Ordinal,
    /// When the lengths of the WALs were measured.
    pub measured: Measured,
    /// Bytes of WALs, oldest WAL first.
    pub pieces: Vec<Piece>,
    /// WALs that have ended.
    pub finals: Vec<WalPosition>,
    /// What a restore adds to the MANIFEST of a base. The change came after the end of the part before.
    pub edits: Vec<Edit>,
    /// What no restore may cross. A break in a MANIFEST came after the end of the part before.
    pub breaks: Vec<Break>,
    /// An OPTIONS file that is new.
    pub options: Option<OptionsFile>,
}

/// The clocks of the follower before and after it measured the WALs: every record of the part was in its WAL at the second
/// time, and those of the next part were not there at its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The clocks before.
    pub before: ClockReading,
    /// The clocks after.
    pub after: ClockReading,
}

/// Two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// The time of day: milliseconds since 1970, UTC. It may go back.
    pub wall_ms: i64,
    /// A clock of the follower's host that never goes back while that runs, in milliseconds.
    pub monotonic_ms: u64,
}

/// Bytes of a WAL from the end of a record, or from the beginning of the file, to the end of a record. Padding before a record belongs
/// to its piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The WAL.
    #[serde(with = "bare")]
    pub wal: FileNumber,
    /// Where the piece begins in the WAL.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// How many write batches it has.
    pub records: u64,
    /// Their sequence numbers; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequences: Option<PieceSequences>,
    /// Checksum of the bytes.
    #[serde(with = "bare")]
    pub crc32c: Crc32c,
}

/// The sequence numbers of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceSequences {
    /// The sequence number in the header of the first batch.
    #[serde(with = "bare")]
    pub first: SequenceNumber,
    /// The last sequence number in use after the last batch is not less than this.
    #[serde(with = "bare")]
    pub last_lowest: SequenceNumber,
    /// It is not more than this.
    #[serde(with = "bare")]
    pub last_highest: SequenceNumber,
}

impl PieceSequences {
    /// The last sequence number in use after the last batch.
    pub fn last(&self) -> SequenceBounds {
        SequenceBounds {
            lowest: self.last_lowest,
            highest: self.last_highest,
        }
    }
}

/// A record of a MANIFEST that adds or drops a column family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where the record ends.
    pub end: ManifestPosition,
    /// The record.
    pub record: RawRecord,
}

/// A place that no restore may cross: what follows cannot be reached from a base before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// What has happened.
    pub kind: BreakKind,
    /// Where.
    pub place: BreakPlace,
    /// The last sequence number in use before it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub last_sequence: Option<SequenceNumber>,
    /// The same in words, for messages.
    pub text: String,
}

/// What broke a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakKind {
    /// Sequence numbers are in no WAL: writes without a WAL, an ingest over existing keys, or a WAL that was missed.
    SequenceGap,
    /// Sequence numbers go back: the database has lost records that are in the stream.
    SequenceBack,
    /// A closed WAL does not end as one must, or its end cannot be proved.
    WalEnd,
    /// Files were ingested.
    Ingest,
    /// A column family was created from files.
    Import,
    /// Files were deleted with the keys in them.
    FilesDeleted,
    /// A MANIFEST was not seen to its end.
    MissedManifest,
    /// A kind of a later version.
    #[serde(other)]
    Unknown,
}

/// Where a stream is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakPlace {
    /// Between the record of a WAL that ends here and the one after it. The position itself can still be reached.
    Wal(WalPosition),
    /// With the record of a MANIFEST that ends here.
    Manifest(ManifestPosition),
}

/// An OPTIONS file whose bytes the segment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionsFile {
    /// The number in its name.
    #[serde(with = "bare")]
    pub number: FileNumber,
    /// Its length.
    pub size_bytes: u64,
    /// Checksum of its bytes.
    #[serde(with = "bare")]
    pub crc32c: Crc32c,
}

impl SegmentHeader {
    /// The name of a segment as messages have it: `segment 72`, `segments 0 to 999`.
    pub fn describe(&self) -> String {
        describe(&self.name)
    }
}

/// A segment as messages name it.
pub(super) fn describe(name: &SegmentName) -> String {
    if name.is_joined() {
        format!("segments {} to {}", name.first(), name.last())
    } else {
        format!("segment {}", name.first())
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {} of WAL {}", self.from, self.to, self.wal)
    }
}

impl fmt::Display for BreakPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BreakPlace::Wal(position) => position.fmt(f),
            BreakPlace::Manifest(ManifestPosition { number, offset }) => {
                write!(f, "byte {offset} of MANIFEST {number}")
            }
        }
    }
}
