//! Which point between two backups a restore goes to.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::repo::stream::stream_id::StreamId;

/// The point that a restore goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestorePoint {
    /// Which one.
    pub at: PointTarget,
    /// The stream; otherwise that of the newest base, or the only one that has the time.
    pub stream: Option<StreamId>,
}

/// Which point of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PointTarget {
    /// After the last record whose last sequence number is not larger.
    Sequence(u64),
    /// The end of the last segment that was measured then or earlier: nothing later is in it. What was written after that segment, at most an
    /// interval of the follower, is missing.
    Time(SystemTime),
    /// The end of the newest segment.
    Latest,
    /// As `Time`, so long before the newest segment was measured.
    BeforeLatest(Duration),
}

impl PointTarget {
    /// Whether it depends on what the newest segment is.
    pub(super) fn is_latest(self) -> bool {
        matches!(self, PointTarget::Latest | PointTarget::BeforeLatest(_))
    }
}

impl RestorePoint {
    /// This point, of the stream that is chosen by itself.
    pub fn new(at: PointTarget) -> Self {
        RestorePoint { at, stream: None }
    }

    /// Of this stream.
    #[must_use]
    pub fn of_stream(self, stream: StreamId) -> Self {
        RestorePoint {
            stream: Some(stream),
            ..self
        }
    }
}
