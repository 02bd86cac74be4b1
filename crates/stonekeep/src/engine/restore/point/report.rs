//! What a restore to a point went to.

use serde::{Deserialize, Serialize};

use crate::repo::stream::stream_id::StreamId;

/// The point that a restore went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PointReport {
    /// The stream.
    pub stream: StreamId,
    /// The last sequence number there; the lowest that it can be, where that is not known exactly.
    pub sequence_number: u64,
    /// The highest that it can be.
    pub sequence_number_highest: u64,
    /// The WAL that the point is in.
    pub wal_number: u64,
    /// Where the WAL is cut.
    pub wal_offset: u64,
    /// When the segment with the point was measured, in milliseconds since 1970: all up to the point was written before. `None` for the
    /// end of the base.
    pub measured_ms: Option<i64>,
    /// When the segment before was measured: what came after it was written later, unless the follower was behind.
    pub measured_before_ms: Option<i64>,
    /// How many bytes of WALs the stream adds to those of the base. RocksDB replays them, and those of the base, when the database is opened.
    pub wal_bytes: u64,
    /// How many column families were added or dropped since the base.
    pub column_family_changes: u64,
    /// Transactions that are prepared at the point, and neither committed nor rolled back, where that is known: whoever opens the database
    /// has to decide on them.
    pub prepared_transactions: Option<u64>,
}
