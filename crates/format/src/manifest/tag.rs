//! The tag numbers in a version edit (`db/version_edit.h`).

pub(super) const COMPARATOR: u32 = 1;
pub(super) const LOG_NUMBER: u32 = 2;
pub(super) const NEXT_FILE_NUMBER: u32 = 3;
pub(super) const LAST_SEQUENCE: u32 = 4;
pub(super) const COMPACT_CURSOR: u32 = 5;
pub(super) const DELETED_FILE: u32 = 6;
pub(super) const NEW_FILE: u32 = 7;
pub(super) const PREV_LOG_NUMBER: u32 = 9;
pub(super) const MIN_LOG_NUMBER_TO_KEEP: u32 = 10;
pub(super) const NEW_FILE_2: u32 = 100;
pub(super) const NEW_FILE_3: u32 = 102;
pub(super) const NEW_FILE_4: u32 = 103;
pub(super) const COLUMN_FAMILY: u32 = 200;
pub(super) const COLUMN_FAMILY_ADD: u32 = 201;
pub(super) const COLUMN_FAMILY_DROP: u32 = 202;
pub(super) const MAX_COLUMN_FAMILY: u32 = 203;
pub(super) const IN_ATOMIC_GROUP: u32 = 300;
pub(super) const BLOB_FILE_ADDITION: u32 = 400;
pub(super) const BLOB_FILE_GARBAGE: u32 = 401;

/// An unknown tag with this bit has a length and may be skipped.
pub(super) const SAFE_IGNORE_MASK: u32 = 1 << 13;

pub(super) const DB_ID: u32 = 8193;
/// Not length-prefixed, in spite of [`SAFE_IGNORE_MASK`]; so are the next three.
pub(super) const BLOB_FILE_ADDITION_DEPRECATED: u32 = 8194;
pub(super) const BLOB_FILE_GARBAGE_DEPRECATED: u32 = 8195;
pub(super) const WAL_ADDITION: u32 = 8196;
pub(super) const WAL_DELETION: u32 = 8197;
pub(super) const FULL_HISTORY_TS_LOW: u32 = 8198;
pub(super) const WAL_ADDITION_2: u32 = 8199;
pub(super) const WAL_DELETION_2: u32 = 8200;
pub(super) const PERSIST_USER_DEFINED_TIMESTAMPS: u32 = 8201;
pub(super) const LAST_COMPACTED_MANIFEST_FILE_SIZE: u32 = 8203;

/// The custom fields of `kNewFile4`.
pub(super) mod custom {
    pub(in super::super) const TERMINATE: u32 = 1;
    pub(in super::super) const NEED_COMPACTION: u32 = 2;
    pub(in super::super) const MIN_LOG_NUMBER_TO_KEEP: u32 = 3;
    pub(in super::super) const OLDEST_BLOB_FILE_NUMBER: u32 = 4;
    pub(in super::super) const OLDEST_ANCESTOR_TIME: u32 = 5;
    pub(in super::super) const FILE_CREATION_TIME: u32 = 6;
    pub(in super::super) const FILE_CHECKSUM: u32 = 7;
    pub(in super::super) const FILE_CHECKSUM_FUNC_NAME: u32 = 8;
    pub(in super::super) const TEMPERATURE: u32 = 9;
    pub(in super::super) const MIN_TIMESTAMP: u32 = 10;
    pub(in super::super) const MAX_TIMESTAMP: u32 = 11;
    pub(in super::super) const UNIQUE_ID: u32 = 12;
    pub(in super::super) const EPOCH_NUMBER: u32 = 13;
    pub(in super::super) const COMPENSATED_RANGE_DELETION_SIZE: u32 = 14;
    pub(in super::super) const TAIL_SIZE: u32 = 15;
    pub(in super::super) const USER_DEFINED_TIMESTAMPS_PERSISTED: u32 = 16;
    pub(in super::super) const FILE_OPEN_METADATA: u32 = 17;
    /// An unknown custom tag with this bit must not be skipped; here and in the blob records.
    pub(in super::super) const NON_SAFE_IGNORE_MASK: u32 = 1 << 6;
    pub(in super::super) const PATH_ID: u32 = 65;
}

/// The custom fields of the blob records (`db/blob/blob_file_addition.cc`, `db/blob/blob_file_garbage.cc`).
pub(super) const BLOB_END_MARKER: u32 = 0;

/// The fields of a WAL addition (`db/wal_edit.h`).
pub(super) const WAL_TERMINATE: u32 = 1;
pub(super) const WAL_SYNCED_SIZE: u32 = 2;
