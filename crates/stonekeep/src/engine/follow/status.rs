//! What a follower tells while it runs.

use std::time::Duration;

use stonekeep_format::{BackupId, SequenceNumber};

use crate::repo::stream::stream_id::StreamId;
use crate::{Error, Warning};

/// Learns what a follower does, and stops it. Both are called from the thread that follows, and should return soon.
pub trait FollowObserver: Send + Sync {
    /// Something happened; the status is that after it.
    fn happened(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        let _ = (event, status);
    }

    /// Called often. After `true` the follower puts what it has read, and ends.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum FollowEvent<'a> {
    /// A stream was begun.
    Began {
        /// Why none was continued, if there was one.
        reason: Option<&'a str>,
        /// About the database and its settings.
        warnings: &'a [Warning],
    },
    /// A stream is continued behind its newest segment.
    Resumed {
        /// About the database and its settings.
        warnings: &'a [Warning],
    },
    /// A segment was put.
    Segment {
        /// How many bytes of WALs it has.
        wal_bytes: u64,
        /// How long it is in the repository.
        stored_bytes: u64,
    },
    /// A place that no restore may cross was seen: a base is made anew.
    Broken {
        /// What was seen.
        reason: &'a str,
    },
    /// A base is being made.
    BaseBegan,
    /// A base was made.
    Base {
        /// The backup.
        backup_id: BackupId,
    },
    /// A base could not be made; it is tried again.
    BaseFailed {
        /// Why.
        error: &'a Error,
        /// After this time.
        again_in: Duration,
    },
    /// The database or the repository could not be read or written; it is tried again.
    Failed {
        /// Why.
        error: &'a Error,
        /// After this time.
        again_in: Duration,
    },
    /// The database has no WAL: it is waited for a process that opens it.
    NoWal,
    /// A look at the database ended, whether it had anything new or not.
    Ticked,
}

/// Where a follower is, and what it has done since it was started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FollowStatus {
    /// The stream, as soon as there is one.
    pub stream: Option<StreamId>,
    /// Segments that were put.
    pub segments: u64,
    /// Bytes of WALs in them.
    pub wal_bytes: u64,
    /// Their lengths in the repository.
    pub stored_bytes: u64,
    /// The last sequence number in the repository, where it is known.
    pub last_sequence: Option<SequenceNumber>,
    /// How long ago the database was measured whose state the repository has, in milliseconds; 0 while nothing is missing.
    pub lag_ms: u64,
    /// How many bytes of WALs were there and are not in the repository.
    pub lag_bytes: u64,
    /// Places that no restore may cross.
    pub breaks: u64,
    /// Bases that were made.
    pub bases: u64,
    /// The newest base of the stream.
    pub newest_base: Option<BackupId>,
    /// Whether a base is being made.
    pub base_under_way: bool,
    /// How often something failed and was tried again.
    pub failures: u64,
}
