//! Databases that look like RocksDB's from outside, made without RocksDB.
//!
//! Every file is true to its format: footers and properties of tables, headers and footers of blobs, the framing
//! and the batches of WALs, the edits of the MANIFEST, names, numbers, sizes, unique ids and checksums. RocksDB 7.8
//! opens such a database and backs it up, but **tables and blobs hold noise: RocksDB finds no key in them**. That a
//! backup brings keys back is shown with real RocksDB in the proof crate.
//!
//! Everything is a function of the builder and of the calls made: the same calls give the same bytes.
//!
//! ```
//! use stonekeep_testkit::database::DatabaseBuilder;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let mut database = DatabaseBuilder::new().create(&directory.path().join("db"));
//! database.add_tables(3, 10_000);
//! database.write(100); // lives in a WAL only
//! // first backup; then a second state:
//! database.compact();
//! database.reopen();
//! ```

#![expect(clippy::expect_used, reason = "a test whose set-up fails has failed")]

mod builder;
mod content;
mod create;
mod following;
mod manifest;

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_format::manifest::{BlobFileAddition, ColumnFamilyChange, DatabaseState, VersionEdit};
use stonekeep_format::unique_id::SessionId;
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;

pub use builder::DatabaseBuilder;
use content::{TableFacts, append, write_new};
use manifest::ManifestFile;
pub use manifest::added_again;

/// How many entries a table of [`FakeDatabase::add_table`] says to hold.
const ENTRIES_PER_TABLE: u64 = 10;

/// A database on disk that is changed as RocksDB would change it.
#[derive(Debug)]
pub struct FakeDatabase {
    settings: DatabaseBuilder,
    path: PathBuf,
    session: SessionId,
    sessions: u64,
    next_number: u64,
    sequence: u64,
    state: DatabaseState,
    manifest: ManifestFile,
    wal_number: FileNumber,
    wal: LogBuilder,
    wal_has_data: bool,
    options: Vec<FileNumber>,
}

impl FakeDatabase {
    /// The database's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its WALs are.
    pub fn wal_dir(&self) -> &Path {
        self.settings.wal_dir.as_deref().unwrap_or(&self.path)
    }

    /// Its id, which is in IDENTITY and, unless the builder left it out, in the MANIFEST.
    pub fn database_id(&self) -> &str {
        &self.settings.database_id
    }

    /// The session that writes its tables now.
    pub fn session_id(&self) -> SessionId {
        self.session
    }

    /// The last sequence number, in tables or WALs.
    pub fn sequence_number(&self) -> SequenceNumber {
        SequenceNumber(self.sequence)
    }

    /// What its MANIFEST adds up to.
    pub fn state(&self) -> &DatabaseState {
        &self.state
    }

    /// The path of the MANIFEST that CURRENT names.
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join(format!("MANIFEST-{:06}", self.manifest.number.0))
    }

    /// The number of the WAL that is written to now.
    pub fn wal_number(&self) -> FileNumber {
        self.wal_number
    }

    /// The path of a WAL.
    pub fn wal_path(&self, number: FileNumber) -> PathBuf {
        self.wal_dir().join(format!("{:06}.log", number.0))
    }

    /// The path of a table, by path id: 0 is the database's directory.
    pub fn table_path(&self, number: FileNumber, path_id: u32) -> PathBuf {
        self.directory_of(path_id).join(format!("{:06}.sst", number.0))
    }

    /// The path of a blob file.
    pub fn blob_path(&self, number: FileNumber) -> PathBuf {
        self.path.join(format!("{:06}.blob", number.0))
    }

    /// Adds tables of exactly this size to the default column family.
    pub fn add_tables(&mut self, count: usize, size_bytes: usize) -> Vec<FileNumber> {
        (0..count)
            .map(|_| self.add_table(ColumnFamilyId::DEFAULT, size_bytes))
            .collect()
    }

    /// Adds a table of exactly this size to a column family. It must be large enough for its properties: 2,000 is.
    pub fn add_table(&mut self, family: ColumnFamilyId, size_bytes: usize) -> FileNumber {
        self.add_table_with(family, size_bytes, 0, None)
    }

    /// Adds a table to the default column family in one of the builder's further paths, counted from 1.
    pub fn add_table_in_path(&mut self, path_id: u32, size_bytes: usize) -> FileNumber {
        self.add_table_with(ColumnFamilyId::DEFAULT, size_bytes, path_id, None)
    }

    /// Adds a blob file with one value of this size, and a table that points into it; gives the blob file's number.
    pub fn add_blob(&mut self, value_bytes: usize) -> FileNumber {
        let number = self.take_number();
        let family = ColumnFamilyId::DEFAULT;
        let bytes = content::blob_file(family, number, value_bytes);
        write_new(&self.blob_path(number), &bytes);
        let (checksum_method, checksum_value) = self.settings.checksum_of(&bytes).unwrap_or_default();
        self.apply(VersionEdit {
            blob_additions: vec![BlobFileAddition {
                number,
                total_count: 1,
                total_bytes: content::blob_total_bytes(&bytes),
                checksum_method,
                checksum_value,
                ignored: Vec::new(),
            }],
            ..VersionEdit::default()
        });
        self.add_table_with(family, 2_000, 0, Some(number));
        number
    }

    /// Adds a table that points into a blob file, whether the MANIFEST names that or not.
    pub fn add_table_pointing_into(&mut self, blob: FileNumber) -> FileNumber {
        self.add_table_with(ColumnFamilyId::DEFAULT, 2_000, 0, Some(blob))
    }

    /// Writes a batch with this many keys of the default column family to the WAL.
    pub fn write(&mut self, keys: u32) {
        let batch = content::write_batch(self.sequence + 1, keys);
        self.sequence += u64::from(keys);
        self.wal.write(&batch);
        self.wal_has_data |= keys > 0;
        append(&self.wal_path(self.wal_number), &self.wal.take_bytes());
    }

    /// Goes on in a new WAL; the one before stays needed.
    pub fn switch_wal(&mut self) -> FileNumber {
        if self.settings.track_wals {
            let metadata = fs::metadata(self.wal_path(self.wal_number)).expect("looking at a WAL");
            self.apply(manifest::tracks_wal(self.wal_number, Some(metadata.len())));
        }
        self.start_wal()
    }

    /// Makes a table of what is in the WALs, goes on in a new one and deletes those before.
    pub fn flush(&mut self, size_bytes: usize) {
        self.switch_wal();
        self.wal_has_data = false;
        self.sequence += ENTRIES_PER_TABLE;
        let (_, mut edit) = self.make_table(ColumnFamilyId::DEFAULT, size_bytes, 0, None);
        // A flush says in which WAL its column family goes on; an ingestion does not.
        edit.log_number = Some(self.wal_number);
        self.apply(edit);
        self.let_wals_go();
    }

    /// Makes a table of what a column family was given without WAL. The WAL stays, since nothing is in it.
    pub fn flush_without_wal(&mut self, family: ColumnFamilyId, size_bytes: usize) {
        self.sequence += ENTRIES_PER_TABLE;
        let (_, mut edit) = self.make_table(family, size_bytes, 0, None);
        edit.log_number = Some(self.wal_number);
        self.apply(edit);
    }

    /// Replaces the tables of the default column family by one that has their sizes together.
    pub fn compact(&mut self) -> FileNumber {
        let family = self.family(ColumnFamilyId::DEFAULT);
        let old: Vec<_> = family.tables.values().cloned().collect();
        let size: u64 = old.iter().map(|table| table.size_bytes).sum();
        let blob = old.iter().filter_map(|table| table.oldest_blob_file_number).min();
        let (number, mut added) = self.make_table(ColumnFamilyId::DEFAULT, size.max(2_000) as usize, 0, blob);
        // A compaction goes on with the oldest epoch of its inputs (`Compaction::MinInputFileEpochNumber`,
        // `db/compaction/compaction.cc`).
        let epoch = old.iter().filter_map(|table| table.epoch_number).min();
        for file in &mut added.new_files {
            file.epoch_number = epoch.or(file.epoch_number);
        }
        let deleted = old.iter().map(|table| (table.level, table.number));
        self.apply(manifest::replacing(deleted, added));
        for table in &old {
            fs::remove_file(self.table_path(table.number, table.path_id)).expect("removing a table");
        }
        number
    }

    /// Adds a column family, and then writes OPTIONS with it.
    pub fn create_column_family(&mut self, name: &str) -> ColumnFamilyId {
        let id = self.begin_column_family(name);
        self.write_options();
        id
    }

    /// Adds a column family to the MANIFEST alone: OPTIONS come later.
    pub fn begin_column_family(&mut self, name: &str) -> ColumnFamilyId {
        let id = ColumnFamilyId(self.state.max_column_family().0 + 1);
        self.apply(VersionEdit {
            column_family: id,
            column_family_change: Some(ColumnFamilyChange::Add(name.into())),
            comparator: Some(content::COMPARATOR.into()),
            max_column_family: Some(id),
            log_number: Some(self.wal_number),
            ..VersionEdit::default()
        });
        id
    }

    /// Drops a column family with its tables, and then writes OPTIONS without it.
    pub fn drop_column_family(&mut self, id: ColumnFamilyId) {
        let tables: Vec<_> = self.family(id).tables.values().cloned().collect();
        self.apply(VersionEdit {
            column_family: id,
            column_family_change: Some(ColumnFamilyChange::Drop),
            ..VersionEdit::default()
        });
        for table in tables {
            fs::remove_file(self.table_path(table.number, table.path_id)).expect("removing a table");
        }
        self.write_options();
    }

    /// Closes the database and opens it again: what was in WALs becomes a table; session, MANIFEST, OPTIONS and WAL
    /// are new ones.
    pub fn reopen(&mut self) {
        self.sessions += 1;
        self.session = content::session(self.sessions);
        if self.wal_has_data {
            self.flush(2_000);
        } else {
            self.switch_wal();
            self.let_wals_go();
        }
        self.roll_manifest();
        self.write_options();
        self.rotate_info_log();
    }

    /// Writes a new MANIFEST with the present state, names it in CURRENT and deletes the old one.
    pub fn roll_manifest(&mut self) {
        let old = self.manifest_path();
        let number = self.take_number();
        self.manifest = ManifestFile::new(number);
        // What the old one said beside the state, such as that tables were flushed, is not in the new one.
        let state = std::mem::take(&mut self.state);
        for edit in manifest::snapshot(&state, &self.settings, self.next_number) {
            self.manifest.append(&self.path, &edit);
            self.state.apply(edit, 0).expect("an edit that fits the state");
        }
        self.point_current();
        fs::remove_file(old).expect("removing the old MANIFEST");
    }

    /// Appends any edit to the MANIFEST, completed by the numbers that RocksDB adds to each.
    pub fn apply(&mut self, mut edit: VersionEdit) {
        if edit.wal_additions.is_empty() && edit.wals_deleted_before.is_none() {
            edit.next_file_number = Some(FileNumber(self.next_number));
            edit.last_sequence = Some(SequenceNumber(self.sequence));
        }
        self.manifest.append(&self.path, &edit);
        self.state.apply(edit, 0).expect("an edit that fits the state");
    }

    /// Takes the next file number.
    pub fn take_number(&mut self) -> FileNumber {
        let number = FileNumber(self.next_number);
        self.next_number += 1;
        number
    }

    fn add_table_with(
        &mut self,
        family: ColumnFamilyId,
        size_bytes: usize,
        path_id: u32,
        blob: Option<FileNumber>,
    ) -> FileNumber {
        self.sequence += ENTRIES_PER_TABLE;
        let (number, edit) = self.make_table(family, size_bytes, path_id, blob);
        self.apply(edit);
        number
    }

    /// Writes a table file; the edit that adds it is not applied yet.
    fn make_table(
        &mut self,
        family: ColumnFamilyId,
        size_bytes: usize,
        path_id: u32,
        blob: Option<FileNumber>,
    ) -> (FileNumber, VersionEdit) {
        let number = self.take_number();
        let first = self.sequence.saturating_sub(ENTRIES_PER_TABLE) + 1;
        let facts = TableFacts {
            database_id: &self.settings.database_id,
            session: self.session,
            number,
            family,
            family_name: String::from_utf8_lossy(&self.family(family).name).into_owned(),
            keys: manifest::keys_of_table(ENTRIES_PER_TABLE, first..=self.sequence),
            largest_seqno: self.settings.largest_seqno_in_tables.then_some(self.sequence),
        };
        let bytes = content::table_file(&facts, size_bytes);
        write_new(&self.table_path(number, path_id), &bytes);
        let mut file = manifest::new_file(number, bytes.len() as u64, first..=self.sequence);
        file.path_id = path_id;
        file.oldest_blob_file_number = blob;
        file.unique_id = facts.unique_id().filter(|_| self.settings.unique_ids);
        if let Some((function, checksum)) = self.settings.checksum_of(&bytes) {
            file.file_checksum_func_name = Some(function);
            file.file_checksum = Some(checksum);
        }
        let edit = VersionEdit {
            column_family: family,
            new_files: vec![file],
            ..VersionEdit::default()
        };
        (number, edit)
    }

    fn family(&self, id: ColumnFamilyId) -> &stonekeep_format::manifest::ColumnFamily {
        let family = self.state.column_families().get(&id);
        family.expect("a column family of this database")
    }

    fn directory_of(&self, path_id: u32) -> &Path {
        match path_id.checked_sub(1) {
            None => &self.path,
            Some(index) => &self.settings.paths[index as usize],
        }
    }

    /// Makes the next WAL, empty.
    fn start_wal(&mut self) -> FileNumber {
        self.wal_number = self.take_number();
        self.wal = LogBuilder::new();
        append(&self.wal_path(self.wal_number), &[]);
        if self.settings.track_wals {
            self.apply(manifest::tracks_wal(self.wal_number, None));
        }
        self.wal_number
    }

    /// Tells that no WAL but the present one is needed, and deletes the others.
    fn let_wals_go(&mut self) {
        let families: Vec<_> = self.state.column_families().keys().copied().collect();
        for column_family in families {
            self.apply(VersionEdit {
                column_family,
                log_number: Some(self.wal_number),
                min_log_number_to_keep: Some(self.wal_number),
                ..VersionEdit::default()
            });
        }
        if self.settings.track_wals {
            self.apply(VersionEdit {
                wals_deleted_before: Some(self.wal_number),
                ..VersionEdit::default()
            });
        }
        content::delete_wals_below(self.wal_dir(), self.wal_number);
    }
}
