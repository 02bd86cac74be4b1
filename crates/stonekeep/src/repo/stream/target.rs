//! What a restore to a point asks for, and what it gets.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use stonekeep_format::wal::SequenceBounds;
use stonekeep_format::{FileNumber, SequenceNumber};

use super::bare;
use super::segment_header::{ManifestPosition, Piece, WalPosition};
use super::segment_name::Ordinal;
use super::stream_id::StreamId;

/// A point that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// After the last record whose last sequence number is not larger.
    AtSequence(SequenceNumber),
    /// The end of the last segment that was measured then or earlier, in milliseconds since 1970: nothing later is in it.
    AtTime(i64),
    /// The end of the newest segment.
    Latest,
}

/// A backup from which a stream goes on. No point before its end can be reached with it: its tables hold what its WALs
/// do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The newest segment that was in the stream when the capture began.
    #[serde(with = "bare")]
    pub ordinal: Ordinal,
    /// The end of its newest WAL; if it has none, the beginning of the first one that is needed.
    pub end: WalPosition,
    /// The last sequence number in it.
    #[serde(with = "bare")]
    pub last_sequence: SequenceNumber,
    /// Its MANIFEST, and the length of that.
    pub manifest: ManifestPosition,
    /// The smallest log number of its column families: what older WALs had is in its tables. Sequence numbers that are in none of the
    /// WALs from this one on belong to writes that are not in the base. The chain shows those that it goes back to; the others are the
    /// [gap](BaseOfStream::gap) of the base.
    #[serde(with = "bare")]
    pub lowest_log_number: FileNumber,
}

/// A base, as the facts of the backup have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseOfStream {
    /// The stream.
    pub stream: StreamId,
    /// Where the stream goes on.
    #[serde(flatten)]
    pub base: Base,
    /// A WAL with missing sequence numbers, before which not all column families had been flushed: what has the numbers is not in the
    /// base, and no point can be reached from it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bare")]
    pub gap: Option<FileNumber>,
}

/// A point of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The end of a record: later WALs are left out, this one is cut.
    pub end: WalPosition,
    /// The segment that it is in, or the one of the base.
    pub ordinal: Ordinal,
    /// The last sequence number in use there.
    pub last_sequence: SequenceBounds,
    /// When the segment was measured, in milliseconds since 1970: everything up to the point was written before; `None` for the
    /// end of the base.
    pub measured_ms: Option<i64>,
}

/// What a target comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// This point.
    At(Position),
    /// One inside a piece: [`SequenceCut`](super::sequence_cut::SequenceCut) finds it.
    Inside(InsidePiece),
}

/// A piece in which a sequence number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsidePiece {
    /// The segment that it is in.
    pub ordinal: Ordinal,
    /// The piece.
    pub piece: Piece,
    /// When the segment was measured, in milliseconds since 1970.
    pub measured_ms: i64,
    /// The sequence number.
    pub wanted: SequenceNumber,
}

/// A time of day as segments and bases have it: milliseconds since 1970, rounded down.
pub fn wall_ms(time: SystemTime) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => signed(since),
        Err(before) => -signed(before.duration()) - 1,
    }
}

/// The bounds of a number that is known.
pub(super) fn exactly(number: SequenceNumber) -> SequenceBounds {
    SequenceBounds {
        lowest: number,
        highest: number,
    }
}

impl Base {
    /// The lowest point that can be reached.
    pub fn position(&self) -> Position {
        Position {
            end: self.end,
            ordinal: self.ordinal,
            last_sequence: exactly(self.last_sequence),
            measured_ms: None,
        }
    }
}
