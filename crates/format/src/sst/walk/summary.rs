//! What is in a table, counted while it is walked, against what its properties say.

use std::cmp::Ordering;

use crate::checksum::ChecksumType;
use crate::sst::key_order::KeyOrder;
use crate::sst::{Comparator, EntryType, Footer, InternalKey, TableProperties};
use crate::{FileKind, FormatError, SequenceNumber};

const DELETIONS: &str = "rocksdb.deleted.keys";
const DATA_BLOCKS: &str = "rocksdb.num.data.blocks";

/// What a walk found in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSummary {
    /// The format version.
    pub format_version: u32,
    /// The algorithm of the checksums. With [`ChecksumType::None`] damage may not be found.
    pub checksum: ChecksumType,
    /// How keys are ordered; [`Comparator::Unknown`] means that the order was not checked.
    pub comparator: Comparator,
    /// The properties, if they could be read.
    pub properties: Option<TableProperties>,
    /// What was counted, in the blocks that could be read.
    pub counts: TableCounts,
    /// The first and the last internal key of the data blocks.
    pub bounds: Option<(Vec<u8>, Vec<u8>)>,
    /// The smallest and the largest sequence number, those of range deletions included.
    pub sequences: Option<(SequenceNumber, SequenceNumber)>,
    /// Whether every entry was read, so that counts, bounds and sequence numbers are those of the table.
    pub is_complete: bool,
    /// Findings of damage.
    pub damaged: u64,
    /// Findings of things that could not be checked.
    pub unchecked: u64,
}

/// How much of what is in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TableCounts {
    /// All entries, range deletions included.
    pub entries: u64,
    /// Deletions of each type, range deletions included.
    pub deletions: u64,
    /// Deletions with a timestamp, which older versions of RocksDB do not count among the deletions.
    pub deletions_with_timestamp: u64,
    /// Merge operands.
    pub merge_operands: u64,
    /// Range deletions.
    pub range_deletions: u64,
    /// Entries whose value is in a blob file.
    pub blob_indexes: u64,
    /// Bytes of all internal keys.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// Data blocks that the index names.
    pub data_blocks: u64,
    /// Blocks of all kinds that were read.
    pub blocks: u64,
    /// Where the last data block ends.
    pub data_end: u64,
}

impl TableSummary {
    pub(super) fn new(footer: &Footer) -> Self {
        TableSummary {
            format_version: footer.format_version,
            checksum: footer.checksum,
            comparator: Comparator::Unknown,
            properties: None,
            counts: TableCounts::default(),
            bounds: None,
            sequences: None,
            is_complete: false,
            damaged: 0,
            unchecked: 0,
        }
    }

    /// How two internal keys compare, if their order is known: without their timestamps it is not.
    pub(super) fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        let order = KeyOrder::internal(self.properties.as_ref()?);
        (order.is_known() && !order.is_stripped()).then(|| order.compare(left, right))
    }

    pub(super) fn count(&mut self, key_len: usize, key: &InternalKey<'_>, value_len: usize) {
        let counts = &mut self.counts;
        counts.entries += 1;
        counts.key_bytes += key_len as u64;
        counts.value_bytes += value_len as u64;
        counts.deletions += u64::from(key.entry_type.is_deletion());
        match key.entry_type {
            EntryType::Merge => counts.merge_operands += 1,
            EntryType::RangeDeletion => counts.range_deletions += 1,
            EntryType::DeletionWithTimestamp => counts.deletions_with_timestamp += 1,
            EntryType::BlobIndex => counts.blob_indexes += 1,
            _ => {}
        }
        let sequence = key.sequence;
        self.sequences = Some(match self.sequences {
            None => (sequence, sequence),
            Some((smallest, largest)) => (smallest.min(sequence), largest.max(sequence)),
        });
    }

    /// What the properties say otherwise, given that everything could be read. `stripped` is how many bytes
    /// `rocksdb.raw.value.size` counts in each range deletion that are not in the file.
    pub(super) fn contradictions(&self, properties: &TableProperties, stripped: u64) -> Vec<FormatError> {
        let claims = self.claims(properties, stripped).into_iter();
        let wrong = claims.filter_map(|(name, claimed, found)| {
            let (claimed, found) = (claimed?, found?);
            let is_right = claimed == found || self.is_known_error(properties, name, claimed, found);
            (!is_right).then(|| {
                let reason = format!("{name} is {claimed}, but the table has {found}");
                FormatError::corrupt(FileKind::Table, 0, reason)
            })
        });
        wrong.collect()
    }

    /// Names of properties, what they say, and what was found.
    #[rustfmt::skip]
    fn claims(&self, properties: &TableProperties, stripped: u64) -> [Claim; 10] {
        let mut counts = self.counts;
        counts.value_bytes += stripped * counts.range_deletions;
        // Older versions (5.18) count them in the sizes only.
        if properties.num_entries == counts.entries.checked_sub(counts.range_deletions) {
            counts.entries -= counts.range_deletions;
            counts.deletions -= counts.range_deletions;
        }
        let smallest = self.sequences.map(|(smallest, _)| smallest.0);
        let largest = self.sequences.map(|(_, largest)| largest.0);
        let claimed_smallest = properties.key_smallest_seqno.map(|it| it.0);
        let claimed_largest = properties.key_largest_seqno.map(|it| it.0);
        [
            ("rocksdb.num.entries", properties.num_entries, Some(counts.entries)),
            (DELETIONS, properties.num_deletions, Some(counts.deletions)),
            ("rocksdb.merge.operands", properties.num_merge_operands, Some(counts.merge_operands)),
            ("rocksdb.num.range-deletions", properties.num_range_deletions, Some(counts.range_deletions)),
            ("rocksdb.raw.key.size", properties.raw_key_size, Some(counts.key_bytes)),
            ("rocksdb.raw.value.size", properties.raw_value_size, Some(counts.value_bytes)),
            (DATA_BLOCKS, properties.number(DATA_BLOCKS), Some(counts.data_blocks)),
            ("rocksdb.data.size", properties.data_size, Some(counts.data_end)),
            ("rocksdb.key.smallest.seqno", claimed_smallest, smallest),
            ("rocksdb.key.largest.seqno", claimed_largest, largest),
        ]
    }

    /// Whether RocksDB is known to write this difference.
    fn is_known_error(&self, properties: &TableProperties, name: &str, claimed: u64, found: u64) -> bool {
        match name {
            // Data blocks that waited for a dictionary are not counted from some version up to 11.9 on
            // (`BlockBasedTableBuilder::Flush`).
            DATA_BLOCKS => claimed < found && properties.may_have_dictionary(),
            // 7.8 did not count them.
            DELETIONS => claimed.checked_add(self.counts.deletions_with_timestamp) == Some(found),
            _ => false,
        }
    }
}

/// A property's name, what it says if it is there, and what was found.
type Claim = (&'static str, Option<u64>, Option<u64>);
