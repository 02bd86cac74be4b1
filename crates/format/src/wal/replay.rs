//! What batches determine about the sequence numbers of later ones.

use std::collections::{BTreeMap, HashMap};

use crate::SequenceNumber;

/// How a database gives sequence numbers to keys (`seq_per_batch`, `db/db_impl/db_impl.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// A number for each key: everywhere but in the following.
    PerKey,
    /// A number for each batch without a repeated key: WritePrepared and WriteUnprepared transactions.
    PerBatch,
}

/// Stands for the name of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct TransactionId(pub(super) u128);

/// What must be known of the live WALs so far to number the keys of the next one. Use one for all WALs of a
/// database, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// How many keys the prepared sections have that are neither committed nor rolled back.
    prepared: HashMap<TransactionId, u64>,
    seen_per_key: bool,
    seen_per_batch: bool,
}

/// What a [`Replay`] has learned, as plain data, for a reader that goes on later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayState {
    /// The transactions that are prepared and neither committed nor rolled back: the 128 bits of XXH3 of the name of each, and how
    /// many keys it has prepared.
    pub prepared: BTreeMap<u128, u64>,
    /// Whether a batch has shown that each key has a sequence number.
    pub seen_per_key: bool,
    /// Whether a batch has shown that each batch without a repeated key has one (WritePrepared, WriteUnprepared).
    pub seen_per_batch: bool,
}

impl From<ReplayState> for Replay {
    fn from(state: ReplayState) -> Self {
        let prepared = state.prepared.into_iter();
        Replay {
            prepared: prepared.map(|(id, keys)| (TransactionId(id), keys)).collect(),
            seen_per_key: state.seen_per_key,
            seen_per_batch: state.seen_per_batch,
        }
    }
}

impl Replay {
    /// What has been learned so far, as plain data.
    pub fn state(&self) -> ReplayState {
        ReplayState {
            prepared: self.prepared.iter().map(|(id, keys)| (id.0, *keys)).collect(),
            seen_per_key: self.seen_per_key,
            seen_per_batch: self.seen_per_batch,
        }
    }

    /// Whether WritePrepared or WriteUnprepared transactions were seen.
    pub fn numbers_per_batch(&self) -> bool {
        self.seen_per_batch
    }

    /// How many transactions are prepared and neither committed nor rolled back.
    pub fn prepared_transactions(&self) -> usize {
        self.prepared.len()
    }

    pub(super) fn prepare(&mut self, transaction: TransactionId, keys: u64) {
        self.prepared.insert(transaction, keys);
    }

    /// Forgets a transaction and says how many keys it had prepared, if that is known.
    pub(super) fn end(&mut self, transaction: TransactionId) -> Option<u64> {
        self.prepared.remove(&transaction)
    }

    /// Remembers proof of a numbering.
    pub(super) fn learn(&mut self, numbering: Numbering) {
        match numbering {
            Numbering::PerKey => self.seen_per_key = true,
            Numbering::PerBatch => self.seen_per_batch = true,
        }
    }

    /// The last sequence number of a batch with this first one that uses up so many.
    pub(super) fn last_sequence(&self, first: SequenceNumber, used: &UsedNumbers) -> SequenceBounds {
        let (lowest, highest) = match (self.seen_per_key, self.seen_per_batch) {
            (true, false) => (used.per_key, used.per_key),
            (false, true) => used.per_batch,
            _ => (
                used.per_key.min(used.per_batch.0),
                used.per_key.max(used.per_batch.1),
            ),
        };
        let last = |used: u64| SequenceNumber(first.0.saturating_add(used).saturating_sub(1));
        SequenceBounds {
            lowest: last(lowest),
            highest: last(highest),
        }
    }
}

/// How many sequence numbers a batch uses up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct UsedNumbers {
    /// If each key has one.
    pub(super) per_key: u64,
    /// If each batch without a repeated key has one: at least, at most.
    pub(super) per_batch: (u64, u64),
}

/// The last sequence number in use, as far as WALs show it.
///
/// Numbers given out count, though readers may not see them yet (`two_write_queues`). The deletion of an empty
/// range was given a number, but RocksDB does not use it up again when it replays a WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceBounds {
    /// It is not less than this.
    pub lowest: SequenceNumber,
    /// It is not more than this.
    pub highest: SequenceNumber,
}

impl SequenceBounds {
    /// The number, when the bounds leave only one.
    pub fn exact(&self) -> Option<SequenceNumber> {
        (self.lowest == self.highest).then_some(self.lowest)
    }
}
