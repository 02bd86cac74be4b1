//! The tags of records in a write batch (`ValueType`, `db/dbformat.h`).

use self::Field::{Bytes, ColumnFamily, Transaction};
use super::replay::Numbering;

/// What follows a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A column family's number; without it, a key is the default column family's.
    ColumnFamily,
    /// A string that does not matter here.
    Bytes,
    /// The name of a transaction.
    Transaction,
}

/// What a record does, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Writes, merges or deletes a key or a range of keys: it counts.
    Key,
    /// A blob for listeners, in the log only.
    LogData,
    /// Ends a batch that is neither prepared nor committed, or is where a begin might have been.
    Noop,
    /// Begins a prepared section of a database that numbers this way.
    BeginPrepare(Numbering),
    /// Ends and names a prepared section.
    EndPrepare,
    /// Commits a transaction.
    Commit,
    /// Rolls a transaction back.
    Rollback,
}

/// The fields and the meaning of a record with this tag; none for tags that a WAL cannot have.
pub(super) fn shape(tag: u8) -> Option<(&'static [Field], Meaning)> {
    let fields: &[Field] = match tag {
        // Deletion, SingleDeletion; LogData
        0x0 | 0x7 | 0x3 => &[Bytes],
        // Value, Merge, RangeDeletion, BlobIndex, WideColumnEntity, ValuePreferredSeqno
        0x1 | 0x2 | 0xF | 0x11 | 0x16 | 0x18 => &[Bytes, Bytes],
        // ColumnFamilyDeletion, ColumnFamilySingleDeletion
        0x4 | 0x8 => &[ColumnFamily, Bytes],
        // ColumnFamily: Value, Merge, RangeDeletion, BlobIndex, WideColumnEntity, ValuePreferredSeqno
        0x5 | 0x6 | 0xE | 0x10 | 0x17 | 0x19 => &[ColumnFamily, Bytes, Bytes],
        // BeginPrepareXID, Noop, BeginPersistedPrepareXID, BeginUnprepareXID
        0x9 | 0xD | 0x12 | 0x13 => &[],
        // EndPrepareXID, CommitXID, RollbackXID
        0xA..=0xC => &[Transaction],
        // CommitXIDAndTimestamp: the timestamp comes first
        0x15 => &[Bytes, Transaction],
        _ => return None,
    };
    Some((fields, meaning(tag)))
}

fn meaning(tag: u8) -> Meaning {
    match tag {
        0x3 => Meaning::LogData,
        0x9 => Meaning::BeginPrepare(Numbering::PerKey),
        0x12 | 0x13 => Meaning::BeginPrepare(Numbering::PerBatch),
        0xA => Meaning::EndPrepare,
        0xB | 0x15 => Meaning::Commit,
        0xC => Meaning::Rollback,
        0xD => Meaning::Noop,
        _ => Meaning::Key,
    }
}
