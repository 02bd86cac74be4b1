//! All edits of a MANIFEST folded into the state of the database.

use std::collections::BTreeMap;

use crate::{ColumnFamilyId, FileKind, FileNumber, FormatError, Result, SequenceNumber};

use super::column_family::{BlobFile, ColumnFamily};
use super::edit::{ColumnFamilyChange, VersionEdit};
use super::flush::{self, Flush};
use super::table_file::TableFile;
use super::wal::TrackedWals;

/// What a MANIFEST says about a database: `VersionEditHandler` and `VersionSet` of RocksDB, without the files.
///
/// The default column family exists from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    column_families: BTreeMap<ColumnFamilyId, ColumnFamily>,
    wals: TrackedWals,
    has_log_number: bool,
    db_id: Option<Vec<u8>>,
    next_file_number: Option<FileNumber>,
    last_sequence: Option<SequenceNumber>,
    max_column_family: ColumnFamilyId,
    prev_log_number: FileNumber,
    min_log_number_to_keep: Option<FileNumber>,
    /// Whether the MANIFEST was begun when the database was opened. Known after the first edit that shows it.
    begun_by_opening: Option<bool>,
}

/// A table file that belongs to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveTable<'a> {
    /// Its column family.
    pub column_family: ColumnFamilyId,
    /// The file.
    pub file: &'a TableFile,
}

/// A blob file that belongs to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBlob<'a> {
    /// Its column family.
    pub column_family: ColumnFamilyId,
    /// The file.
    pub file: &'a BlobFile,
}

impl Default for DatabaseState {
    fn default() -> Self {
        let default = ColumnFamily {
            name: b"default".to_vec(),
            ..ColumnFamily::default()
        };
        DatabaseState {
            column_families: BTreeMap::from([(ColumnFamilyId::DEFAULT, default)]),
            wals: TrackedWals::default(),
            has_log_number: false,
            db_id: None,
            next_file_number: None,
            last_sequence: None,
            max_column_family: ColumnFamilyId::DEFAULT,
            prev_log_number: FileNumber(0),
            min_log_number_to_keep: None,
            begun_by_opening: None,
        }
    }
}

impl DatabaseState {
    /// The column families that exist, the default one too.
    pub fn column_families(&self) -> &BTreeMap<ColumnFamilyId, ColumnFamily> {
        &self.column_families
    }

    /// The table files of all column families.
    pub fn live_tables(&self) -> impl Iterator<Item = LiveTable<'_>> {
        self.column_families.values().flat_map(|family| {
            family.tables.values().map(|file| LiveTable {
                column_family: family.id,
                file,
            })
        })
    }

    /// Takes all tables out of the state, and removes the blob files, which together are most of it.
    pub fn take_tables(&mut self) -> impl Iterator<Item = TableFile> {
        self.column_families.values_mut().flat_map(|family| {
            family.blobs.clear();
            std::mem::take(&mut family.tables).into_values()
        })
    }

    /// The blob files of all column families that RocksDB keeps: see [`ColumnFamily::live_blobs`].
    pub fn live_blobs(&self) -> impl Iterator<Item = LiveBlob<'_>> {
        self.column_families.values().flat_map(|family| {
            family.live_blobs().map(|file| LiveBlob {
                column_family: family.id,
                file,
            })
        })
    }

    /// WALs below this number are not needed to open the database. Some at or above it may be missing: RocksDB
    /// deletes those that hold nothing for anybody without saying so.
    ///
    /// With prepared transactions it lies below the log number of every column family.
    pub fn min_wal_to_keep(&self) -> FileNumber {
        let of_families = self.column_families.values().map(|family| family.log_number);
        let floor = self.min_log_number_to_keep.or(of_families.min());
        match (floor.unwrap_or_default(), self.prev_log_number) {
            (floor, FileNumber(0)) => floor,
            (floor, previous) => floor.min(previous),
        }
    }

    /// The largest WAL number that any edit took for obsolete or for the present one: no smaller WAL is written to.
    pub fn max_log_number(&self) -> FileNumber {
        let of_families = self.column_families.values().map(|family| family.log_number);
        let all = of_families.chain(self.min_log_number_to_keep);
        all.max().unwrap_or_default()
    }

    /// The WALs that RocksDB checks when it opens the database (`track_and_verify_wals_in_manifest`).
    pub fn tracked_wals(&self) -> &TrackedWals {
        &self.wals
    }

    /// The identity of the database; older RocksDB keeps it in IDENTITY only.
    pub fn db_id(&self) -> Option<&[u8]> {
        self.db_id.as_deref()
    }

    /// No file has this number yet.
    pub fn next_file_number(&self) -> Option<FileNumber> {
        self.next_file_number
    }

    /// The last sequence number that the MANIFEST knows of; WALs may hold later ones.
    pub fn last_sequence(&self) -> Option<SequenceNumber> {
        self.last_sequence
    }

    /// The largest column family id ever given.
    pub fn max_column_family(&self) -> ColumnFamilyId {
        self.max_column_family
    }

    /// A WAL that is needed as well; 0 for none.
    pub fn prev_log_number(&self) -> FileNumber {
        self.prev_log_number
    }

    /// The largest limit that edits set for WALs to keep, where any did.
    pub fn min_log_number_to_keep(&self) -> Option<FileNumber> {
        self.min_log_number_to_keep
    }

    /// A column family of which the last flush wrote to a table what no WAL ever held (`WriteOptions::disableWAL`). `manifest` is
    /// the number of the MANIFEST that makes this state, `newest_in_wals` the last sequence number in the WALs that the state
    /// needs, if they hold anything: a flush that is ahead of them went past them.
    ///
    /// Ingested and imported tables are no flushes. Without such a column family, nothing is proven.
    pub fn written_without_wal(
        &self,
        manifest: FileNumber,
        newest_in_wals: Option<SequenceNumber>,
    ) -> Option<&ColumnFamily> {
        let opened_with = Some(manifest).filter(|_| self.begun_by_opening == Some(true));
        self.column_families.values().find(|family| {
            family.last_flush.is_some_and(|flush| {
                flush.repeats_log_number
                    || opened_with.is_some_and(|manifest| flush.names_first_wal_of(manifest))
                    || newest_in_wals.is_some_and(|newest| flush.largest_seqno > newest)
            })
        })
    }

    /// Whether RocksDB could open a database in this state: it needs a log number, a next file number and a last
    /// sequence number. `offset` is where the MANIFEST ends, for the error.
    ///
    /// # Errors
    /// Corrupt, naming what is missing.
    pub fn check_complete(&self, offset: u64) -> Result<()> {
        let needed = [
            (self.has_log_number, "log number"),
            (self.next_file_number.is_some(), "next file number"),
            (self.last_sequence.is_some(), "last sequence number"),
        ];
        let missing: Vec<&str> = needed
            .iter()
            .filter(|entry| !entry.0)
            .map(|entry| entry.1)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(corrupt(
            offset,
            format!("it ends without a {}", missing.join(", a ")),
        ))
    }

    /// Takes in the next edit; `offset` is the offset of its record, for the error. After an error the state is
    /// unusable.
    ///
    /// # Errors
    /// Corrupt for what RocksDB would not apply either: files or column families that come twice or go without
    /// being there, edits of an unknown column family, more garbage than blobs, and edits that do several things
    /// of which RocksDB would do one.
    pub fn apply(&mut self, edit: VersionEdit, offset: u64) -> Result<()> {
        self.change(edit).map_err(|reason| corrupt(offset, reason))
    }

    fn change(&mut self, mut edit: VersionEdit) -> std::result::Result<(), String> {
        one_thing_only(&edit)?;
        self.note_database_facts(&edit);
        match edit.column_family_change.take() {
            Some(ColumnFamilyChange::Add(name)) => {
                self.add_column_family(edit.column_family, name)?;
                self.note_family_facts(edit)
            }
            Some(ColumnFamilyChange::Drop) => self.drop_column_family(edit.column_family),
            None if changes_wals(&edit) => self.change_wals(&edit),
            None => {
                let family = self.family(edit.column_family)?;
                family.last_flush = Flush::of(&edit, family.log_number).or(family.last_flush);
                family.change_files(&mut edit)?;
                self.note_family_facts(edit)
            }
        }
    }

    fn add_column_family(&mut self, id: ColumnFamilyId, name: Vec<u8>) -> std::result::Result<(), String> {
        let family = ColumnFamily {
            id,
            name,
            ..ColumnFamily::default()
        };
        self.max_column_family = self.max_column_family.max(id);
        match self.column_families.insert(id, family) {
            None => Ok(()),
            Some(_) => Err(format!("column family {id} is added twice")),
        }
    }

    fn drop_column_family(&mut self, id: ColumnFamilyId) -> std::result::Result<(), String> {
        if id == ColumnFamilyId::DEFAULT {
            return Err("the default column family is dropped".into());
        }
        match self.column_families.remove(&id) {
            Some(_) => Ok(()),
            None => Err(format!("column family {id} is dropped, which does not exist")),
        }
    }

    fn change_wals(&mut self, edit: &VersionEdit) -> std::result::Result<(), String> {
        for wal in &edit.wal_additions {
            if !self.wals.add(wal) {
                return Err(format!("WAL {} is created twice", wal.number));
            }
        }
        if let Some(number) = edit.wals_deleted_before {
            self.wals.delete_before(number);
        }
        Ok(())
    }

    fn family(&mut self, id: ColumnFamilyId) -> std::result::Result<&mut ColumnFamily, String> {
        let family = self.column_families.get_mut(&id);
        family.ok_or_else(|| format!("column family {id} is changed, which does not exist"))
    }

    fn note_family_facts(&mut self, edit: VersionEdit) -> std::result::Result<(), String> {
        let family = self.family(edit.column_family)?;
        // A smaller log number than the known one is ignored with a warning by RocksDB.
        let log_number = edit.log_number.filter(|number| *number >= family.log_number);
        family.log_number = log_number.unwrap_or(family.log_number);
        family.comparator = edit.comparator.or(family.comparator.take());
        family.full_history_ts_low = edit.full_history_ts_low.or(family.full_history_ts_low.take());
        family.persist_user_defined_timestamps = edit
            .persist_user_defined_timestamps
            .or(family.persist_user_defined_timestamps);
        self.has_log_number |= log_number.is_some();
        Ok(())
    }

    fn note_database_facts(&mut self, edit: &VersionEdit) {
        if edit.next_file_number.is_some() {
            self.begun_by_opening
                .get_or_insert_with(|| flush::is_of_opening(edit));
        }
        if edit.db_id.is_some() {
            self.db_id.clone_from(&edit.db_id);
        }
        self.next_file_number = edit.next_file_number.or(self.next_file_number);
        self.last_sequence = edit.last_sequence.or(self.last_sequence);
        self.max_column_family = edit
            .max_column_family
            .max(Some(self.max_column_family))
            .unwrap_or_default();
        self.prev_log_number = edit.prev_log_number.unwrap_or(self.prev_log_number);
        self.min_log_number_to_keep = self.min_log_number_to_keep.max(edit.wal_floor());
    }
}

fn changes_wals(edit: &VersionEdit) -> bool {
    !edit.wal_additions.is_empty() || edit.wals_deleted_before.is_some()
}

/// RocksDB never writes an edit that does several of these things, and reading one it would do the first and pass
/// over the rest in silence (`VersionEditHandler::ApplyVersionEdit` in `db/version_edit_handler.cc`).
fn one_thing_only(edit: &VersionEdit) -> std::result::Result<(), String> {
    let tables = !edit.deleted_files.is_empty() || !edit.new_files.is_empty();
    let blobs = !edit.blob_additions.is_empty() || !edit.blob_garbage.is_empty();
    let things = [
        edit.column_family_change.is_some(),
        !edit.wal_additions.is_empty(),
        edit.wals_deleted_before.is_some(),
        tables || blobs,
    ];
    if things.iter().filter(|thing| **thing).count() > 1 {
        return Err("one edit changes column families, WALs or files at once".into());
    }
    Ok(())
}

fn corrupt(offset: u64, reason: String) -> FormatError {
    FormatError::corrupt(FileKind::Manifest, offset, reason)
}
