//! The properties of a table file: who made it, when, what is in it.
//!
//! The properties block maps names (`table/table_properties.cc`) to varints, texts, or for the two properties of
//! ingested files (`table/sst_file_writer_collectors.h`) fixed-width numbers. RocksDB means "unknown" by zero or
//! by an empty text in several of them; here that is `None`.

use std::collections::BTreeMap;

use super::block::Block;
use crate::coding::Reader;
use crate::unique_id::{SessionId, UniqueId};
use crate::{ColumnFamilyId, FileKind, FileNumber, Result, SequenceNumber};

/// Names to values, as they are in the block.
type Raw = BTreeMap<Vec<u8>, Vec<u8>>;

/// The name of the property that ingestion may rewrite in place.
pub(super) const GLOBAL_SEQNO: &str = "rocksdb.external_sst_file.global_seqno";
const EXTERNAL_VERSION: &str = "rocksdb.external_sst_file.version";
const DB_ID: &str = "rocksdb.creating.db.identity";
const DB_SESSION_ID: &str = "rocksdb.creating.session.identity";
const DB_HOST_ID: &str = "rocksdb.creating.host.identity";
const ORIG_FILE_NUMBER: &str = "rocksdb.original.file.number";
const COLUMN_FAMILY_ID: &str = "rocksdb.column.family.id";
const COLUMN_FAMILY_NAME: &str = "rocksdb.column.family.name";
const NUM_ENTRIES: &str = "rocksdb.num.entries";
const NUM_DELETIONS: &str = "rocksdb.deleted.keys";
const NUM_MERGE_OPERANDS: &str = "rocksdb.merge.operands";
const NUM_RANGE_DELETIONS: &str = "rocksdb.num.range-deletions";
const DATA_SIZE: &str = "rocksdb.data.size";
const RAW_KEY_SIZE: &str = "rocksdb.raw.key.size";
const RAW_VALUE_SIZE: &str = "rocksdb.raw.value.size";
const COMPARATOR: &str = "rocksdb.comparator";
const COMPRESSION: &str = "rocksdb.compression";
const FILTER_POLICY: &str = "rocksdb.filter.policy";
const FORMAT_VERSION: &str = "rocksdb.format.version";
const CREATION_TIME: &str = "rocksdb.creation.time";
const FILE_CREATION_TIME: &str = "rocksdb.file.creation.time";
const OLDEST_KEY_TIME: &str = "rocksdb.oldest.key.time";
const KEY_SMALLEST_SEQNO: &str = "rocksdb.key.smallest.seqno";
const KEY_LARGEST_SEQNO: &str = "rocksdb.key.largest.seqno";

/// `TablePropertiesCollectorFactory::Context::kUnknownColumnFamily` (`include/rocksdb/table_properties.h`).
const UNKNOWN_COLUMN_FAMILY: u64 = 0x7fff_ffff;

/// RocksDB's `TableProperties`, as far as a backup has a use for them. Times are in seconds since 1970, sizes in
/// bytes. `None` means that the file does not say it: older versions wrote fewer properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableProperties {
    /// The id of the database that made the file; "SST Writer" for files made to be ingested.
    pub db_id: Option<String>,
    /// The session that made the file, as text; see [`TableProperties::session_id`].
    pub db_session_id: Option<String>,
    /// The host that made the file, or what it called itself.
    pub db_host_id: Option<String>,
    /// The number that the file was made under. Imports give a file another name.
    pub orig_file_number: Option<FileNumber>,
    /// The column family that the file was made for.
    pub column_family_id: Option<ColumnFamilyId>,
    /// The name of that column family.
    pub column_family_name: Option<String>,
    /// All entries, deletions and merge operands included.
    pub num_entries: Option<u64>,
    /// Deletions.
    pub num_deletions: Option<u64>,
    /// Merge operands.
    pub num_merge_operands: Option<u64>,
    /// Range deletions.
    pub num_range_deletions: Option<u64>,
    /// Size of all data blocks as stored.
    pub data_size: Option<u64>,
    /// Size of all keys, before compression.
    pub raw_key_size: Option<u64>,
    /// Size of all values, before compression.
    pub raw_value_size: Option<u64>,
    /// The comparator's name.
    pub comparator: Option<String>,
    /// The compression algorithm's name, from format version 7 on a list in RocksDB's own notation.
    pub compression_name: Option<String>,
    /// The filter policy's name.
    pub filter_policy: Option<String>,
    /// A format version, 0 in many files; the one that counts is the footer's.
    pub format_version: Option<u64>,
    /// The oldest ancestor's time: when the oldest data in the file were first written to a table file.
    pub creation_time: Option<u64>,
    /// When this very file was made.
    pub file_creation_time: Option<u64>,
    /// When the oldest key was written.
    pub oldest_key_time: Option<u64>,
    /// The smallest sequence number in the file (RocksDB 11).
    pub key_smallest_seqno: Option<SequenceNumber>,
    /// The largest sequence number in the file (RocksDB 10).
    pub key_largest_seqno: Option<SequenceNumber>,
    /// The version of a file made by `SstFileWriter`.
    pub external_version: Option<u32>,
    /// The sequence number that ingestion wrote into the file, 0 if it left it alone.
    pub external_global_seqno: Option<SequenceNumber>,
    /// Everything else, as it is in the file: what users' collectors added, what is not needed here, and values
    /// that are not what their name promises.
    pub others: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl TableProperties {
    /// The session that made the file, if the text has RocksDB's form.
    pub fn session_id(&self) -> Option<SessionId> {
        SessionId::parse(self.db_session_id.as_deref()?)
    }

    /// The id that the MANIFEST has for this file, if it has one. Files made to be ingested get it from these properties
    /// too, not from those of the database that took them in.
    pub fn unique_id(&self) -> Option<UniqueId> {
        UniqueId::compute(
            self.db_id.as_deref()?,
            &self.session_id()?,
            self.orig_file_number?,
        )
    }

    /// A number that is not among the fields.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let mut reader = Reader::new(FileKind::Table, 0, self.others.get(name.as_bytes())?);
        reader.varint64().ok().filter(|_| reader.is_empty())
    }

    /// Whether such a number is there and not 0.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.number(name).is_some_and(|number| number != 0)
    }

    /// The number of the index's type, 0 for a plain one: a fixed32 (`table/block_based/block_based_table_builder.cc`).
    pub(super) fn index_type(&self) -> u32 {
        let value = self
            .others
            .get(b"rocksdb.block.based.table.index.type".as_slice());
        let bytes = value.and_then(|value| value.as_slice().try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    /// Whether the table was written with options that make a compression dictionary.
    pub(super) fn may_have_dictionary(&self) -> bool {
        let options = self.others.get(b"rocksdb.compression_options".as_slice());
        let text = options
            .map(|options| String::from_utf8_lossy(options))
            .unwrap_or_default();
        let bytes = text
            .split("max_dict_bytes=")
            .nth(1)
            .and_then(|rest| rest.split(';').next());
        bytes.is_some_and(|bytes| bytes != "0")
    }

    /// Whether user-defined timestamps are in the file, if the comparator has any. RocksDB writes this from version 8.1 on.
    pub(super) fn timestamps_persisted(&self) -> bool {
        self.number("rocksdb.user.defined.timestamps.persisted") != Some(0)
    }

    /// [`TableProperties::session_id`] alone.
    pub(super) fn session_id_in(block: &Block<'_>) -> Result<Option<SessionId>> {
        let text = block.value_of(DB_SESSION_ID.as_bytes())?;
        let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        Ok(text.and_then(SessionId::parse))
    }

    pub(super) fn decode(block: &Block<'_>) -> Result<Self> {
        let mut raw = Raw::new();
        block.for_each(|name, value, _| {
            raw.insert(name.to_vec(), value.to_vec());
        })?;
        Ok(Self::from_raw(raw))
    }

    /// Takes what is known out of `raw`; the rest stays.
    fn from_raw(mut raw: Raw) -> Self {
        let r = &mut raw;
        TableProperties {
            db_id: take_text(r, DB_ID),
            db_session_id: take_text(r, DB_SESSION_ID),
            db_host_id: take_text(r, DB_HOST_ID),
            orig_file_number: take_known_number(r, ORIG_FILE_NUMBER, 0).map(FileNumber),
            column_family_id: take_column_family_id(r),
            column_family_name: take_text(r, COLUMN_FAMILY_NAME),
            num_entries: take_number(r, NUM_ENTRIES),
            num_deletions: take_number(r, NUM_DELETIONS),
            num_merge_operands: take_number(r, NUM_MERGE_OPERANDS),
            num_range_deletions: take_number(r, NUM_RANGE_DELETIONS),
            data_size: take_number(r, DATA_SIZE),
            raw_key_size: take_number(r, RAW_KEY_SIZE),
            raw_value_size: take_number(r, RAW_VALUE_SIZE),
            comparator: take_text(r, COMPARATOR),
            compression_name: take_text(r, COMPRESSION),
            filter_policy: take_text(r, FILTER_POLICY),
            format_version: take_number(r, FORMAT_VERSION),
            creation_time: take_known_number(r, CREATION_TIME, 0),
            file_creation_time: take_known_number(r, FILE_CREATION_TIME, 0),
            oldest_key_time: take_known_number(r, OLDEST_KEY_TIME, 0),
            key_smallest_seqno: take_known_number(r, KEY_SMALLEST_SEQNO, u64::MAX).map(SequenceNumber),
            key_largest_seqno: take_known_number(r, KEY_LARGEST_SEQNO, u64::MAX).map(SequenceNumber),
            external_version: take_fixed(r, EXTERNAL_VERSION).map(u32::from_le_bytes),
            external_global_seqno: take_fixed(r, GLOBAL_SEQNO)
                .map(u64::from_le_bytes)
                .map(SequenceNumber),
            others: raw,
        }
    }
}

/// Takes a property out if its value has the right form; RocksDB passes over malformed ones too
/// (`ParsePropertiesBlock` in `table/meta_blocks.cc`).
fn take<T>(raw: &mut Raw, name: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let value = parse(raw.get(name.as_bytes())?)?;
    raw.remove(name.as_bytes());
    Some(value)
}

fn take_text(raw: &mut Raw, name: &str) -> Option<String> {
    let text = take(raw, name, |value| {
        std::str::from_utf8(value).map(str::to_owned).ok()
    })?;
    (!text.is_empty()).then_some(text)
}

fn take_number(raw: &mut Raw, name: &str) -> Option<u64> {
    take(raw, name, |value| {
        let mut reader = Reader::new(FileKind::Table, 0, value);
        reader.varint64().ok().filter(|_| reader.is_empty())
    })
}

/// A number for which one value means that the real one is not known.
fn take_known_number(raw: &mut Raw, name: &str, unknown: u64) -> Option<u64> {
    take_number(raw, name).filter(|number| *number != unknown)
}

fn take_column_family_id(raw: &mut Raw) -> Option<ColumnFamilyId> {
    let number = take_known_number(raw, COLUMN_FAMILY_ID, UNKNOWN_COLUMN_FAMILY)?;
    u32::try_from(number).ok().map(ColumnFamilyId)
}

fn take_fixed<const N: usize>(raw: &mut Raw, name: &str) -> Option<[u8; N]> {
    take(raw, name, |value| value.try_into().ok())
}
