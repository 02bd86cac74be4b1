//! One version edit: a change of a database's state, as one record of the MANIFEST holds it.

use std::collections::BTreeSet;

use crate::{ColumnFamilyId, FileNumber, SequenceNumber};

use super::blob::{BlobFileAddition, BlobFileGarbage};
use super::field::UnknownField;
use super::new_file::NewFile;
use super::wal::WalAddition;

/// Everything that one record can say. An edit without any field is legal, and RocksDB writes such.
///
/// Names are bytes, as they are for RocksDB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionEdit {
    /// The identity of the database (since 6.4 on request, since 9.7 by default).
    pub db_id: Option<Vec<u8>>,
    /// The name of the column family's comparator.
    pub comparator: Option<Vec<u8>>,
    /// WALs below this number hold nothing for the column family.
    pub log_number: Option<FileNumber>,
    /// A WAL that is needed as well; 0 for none. Not used by RocksDB since long.
    pub prev_log_number: Option<FileNumber>,
    /// No file has this number yet.
    pub next_file_number: Option<FileNumber>,
    /// The largest column family id ever given.
    pub max_column_family: Option<ColumnFamilyId>,
    /// WALs below this number are needed by no column family, nor by a prepared transaction. It may be in a
    /// new file as well or instead: see [`wal_floor`](Self::wal_floor).
    pub min_log_number_to_keep: Option<FileNumber>,
    /// No write in any file of this state has a larger sequence number.
    pub last_sequence: Option<SequenceNumber>,
    /// Where round-robin compaction continues.
    pub compact_cursors: Vec<CompactCursor>,
    /// Table files that leave the column family. They leave it before the new ones come: moving a file to another
    /// level is one edit that does both.
    pub deleted_files: BTreeSet<DeletedFile>,
    /// Table files that come into the column family.
    pub new_files: Vec<NewFile>,
    /// Blob files that come into the column family.
    pub blob_additions: Vec<BlobFileAddition>,
    /// Blobs that became garbage.
    pub blob_garbage: Vec<BlobFileGarbage>,
    /// WALs that were created or synced.
    pub wal_additions: Vec<WalAddition>,
    /// WALs below this number are no longer tracked.
    pub wals_deleted_before: Option<FileNumber>,
    /// The column family that the edit is about.
    pub column_family: ColumnFamilyId,
    /// Whether the column family comes or goes.
    pub column_family_change: Option<ColumnFamilyChange>,
    /// How many edits of the same atomic group follow; none for an edit without a group.
    pub atomic_group_remaining: Option<u32>,
    /// History below this user-defined timestamp is gone; never empty.
    pub full_history_ts_low: Option<Vec<u8>>,
    /// Whether the column family writes user-defined timestamps into its files.
    pub persist_user_defined_timestamps: Option<bool>,
    /// The size of the MANIFEST in bytes when it was last written afresh.
    pub last_compacted_manifest_size_bytes: Option<u64>,
    /// Fields that are not known here, or matter to nothing but a running compaction, and are safe to ignore.
    pub ignored: Vec<UnknownField>,
}

/// The beginning or end of a column family.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnFamilyChange {
    /// It is added, with this name.
    Add(Vec<u8>),
    /// It is dropped.
    Drop,
}

/// A table file that leaves a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeletedFile {
    /// The level it is on.
    pub level: u32,
    /// The number in its name.
    pub number: FileNumber,
}

/// The place where round-robin compaction of a level continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactCursor {
    /// The level.
    pub level: u32,
    /// The internal key.
    pub key: Vec<u8>,
}

impl VersionEdit {
    /// The smallest WAL number that the database needs once this edit counts, wherever the edit has it.
    pub fn wal_floor(&self) -> Option<FileNumber> {
        let mut in_files = self
            .new_files
            .iter()
            .filter_map(|file| file.min_log_number_to_keep);
        in_files.next_back().or(self.min_log_number_to_keep)
    }

    /// Takes the files out, and keeps what else the edit says.
    pub(super) fn leave_out_files(&mut self) {
        self.min_log_number_to_keep = self.wal_floor();
        self.new_files.clear();
        self.deleted_files.clear();
        self.blob_additions.clear();
        self.blob_garbage.clear();
    }
}
