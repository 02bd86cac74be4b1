//! Internal keys: what stands behind the user's key in each entry of a table.

use crate::{FileKind, FormatError, Result, SequenceNumber};

use super::key_order::TRAILER_LEN;

/// What an entry of a table is: `ValueType` in `db/dbformat.h`, as far as it occurs in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum EntryType {
    /// `kTypeDeletion`
    Deletion = 0x0,
    /// `kTypeValue`
    Value = 0x1,
    /// `kTypeMerge`
    Merge = 0x2,
    /// `kTypeSingleDeletion`
    SingleDeletion = 0x7,
    /// `kTypeRangeDeletion`, in the block of range deletions only.
    RangeDeletion = 0xf,
    /// `kTypeBlobIndex`: the value says where in a blob file the real one is.
    BlobIndex = 0x11,
    /// `kTypeDeletionWithTimestamp`
    DeletionWithTimestamp = 0x14,
    /// `kTypeWideColumnEntity`
    WideColumnEntity = 0x16,
    /// `kTypeValuePreferredSeqno`
    ValuePreferredSeqno = 0x18,
}

impl EntryType {
    /// Every type that occurs in tables.
    pub const ALL: [EntryType; 9] = [
        EntryType::Deletion,
        EntryType::Value,
        EntryType::Merge,
        EntryType::SingleDeletion,
        EntryType::RangeDeletion,
        EntryType::BlobIndex,
        EntryType::DeletionWithTimestamp,
        EntryType::WideColumnEntity,
        EntryType::ValuePreferredSeqno,
    ];

    /// The type with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u8 == number)
    }

    /// Whether the properties count it among the deletions (`BlockBasedTableBuilder::Add`).
    pub fn is_deletion(self) -> bool {
        matches!(
            self,
            EntryType::Deletion
                | EntryType::SingleDeletion
                | EntryType::RangeDeletion
                | EntryType::DeletionWithTimestamp
        )
    }
}

/// A key as tables have it: the user's key, then a fixed64, type in its lowest byte, sequence number above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalKey<'a> {
    /// The user's key, with its timestamp if the comparator has timestamps and the table keeps them.
    pub user_key: &'a [u8],
    /// The sequence number; 0 in compacted files and in those made by `SstFileWriter`.
    pub sequence: SequenceNumber,
    /// What the entry is.
    pub entry_type: EntryType,
}

impl<'a> InternalKey<'a> {
    /// Divides an internal key.
    ///
    /// # Errors
    /// Corrupt if it is too short or has a type that no table has; the offset is 0.
    pub fn parse(key: &'a [u8]) -> Result<Self> {
        let corrupt = |reason: String| FormatError::corrupt(FileKind::Table, 0, reason);
        let (user_key, trailer) = key
            .split_last_chunk::<TRAILER_LEN>()
            .ok_or_else(|| corrupt(format!("an internal key of {} bytes", key.len())))?;
        let packed = u64::from_le_bytes(*trailer);
        let number = trailer[0];
        let entry_type = EntryType::from_number(number)
            .ok_or_else(|| corrupt(format!("an internal key of type {number:#04x}")))?;
        Ok(InternalKey {
            user_key,
            sequence: SequenceNumber(packed >> 8),
            entry_type,
        })
    }
}

/// The user's key of an internal key that may be too short.
pub(super) fn user_part(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(TRAILER_LEN)]
}
