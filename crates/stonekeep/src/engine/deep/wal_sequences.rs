//! What a WAL says that the other WALs of its database must fit to.

use stonekeep_format::log::PredecessorWal;
use stonekeep_format::wal::WalSummary;
use stonekeep_format::{FileNumber, SequenceNumber};

/// What a WAL says that others must fit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WalSequences {
    pub(super) number: FileNumber,
    /// Of its first batch.
    pub(super) first: Option<SequenceNumber>,
    /// Of its last batch.
    pub(super) last: Option<SequenceNumber>,
    pub(super) predecessor: Option<PredecessorWal>,
}

impl WalSequences {
    pub(super) fn of(number: FileNumber, summary: &WalSummary) -> Self {
        WalSequences {
            number,
            first: summary.first_sequence,
            last: summary.last_batch_sequence,
            predecessor: summary.predecessor,
        }
    }
}
