//! One column family of a database: its files, and how an edit changes them.

use std::collections::BTreeMap;

use crate::{ColumnFamilyId, FileNumber};

use super::blob::{BlobFileAddition, BlobFileGarbage};
use super::edit::{DeletedFile, VersionEdit};
use super::flush::Flush;
use super::table_file::TableFile;

/// A column family as the MANIFEST leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnFamily {
    /// Its number.
    pub id: ColumnFamilyId,
    /// Its name.
    pub name: Vec<u8>,
    /// The name of its comparator.
    pub comparator: Option<Vec<u8>>,
    /// WALs below this number hold nothing for it; 0 until an edit says more.
    pub log_number: FileNumber,
    /// Whether it writes user-defined timestamps into its files.
    pub persist_user_defined_timestamps: Option<bool>,
    /// History below this user-defined timestamp is gone.
    pub full_history_ts_low: Option<Vec<u8>>,
    /// Its last flush, as far as this MANIFEST shows.
    pub last_flush: Option<Flush>,
    /// Its table files; each is live.
    pub tables: BTreeMap<FileNumber, TableFile>,
    /// Its blob files, dead ones too: a MANIFEST never removes a blob file.
    pub blobs: BTreeMap<FileNumber, BlobFile>,
}

/// A blob file with all that became garbage in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobFile {
    /// The file as it was added.
    pub addition: BlobFileAddition,
    /// How many of its blobs are garbage.
    pub garbage_count: u64,
    /// How many of its bytes are garbage.
    pub garbage_bytes: u64,
}

impl BlobFile {
    /// False when it would grow beyond what the file holds.
    fn add_garbage(&mut self, garbage: &BlobFileGarbage) -> bool {
        let count = self.garbage_count.saturating_add(garbage.count);
        let bytes = self.garbage_bytes.saturating_add(garbage.bytes);
        self.garbage_count = count;
        self.garbage_bytes = bytes;
        count <= self.addition.total_count && bytes <= self.addition.total_bytes
    }

    fn is_all_garbage(&self) -> bool {
        self.garbage_count >= self.addition.total_count
    }
}

impl ColumnFamily {
    /// The blob files that RocksDB keeps, by the rule of `VersionBuilder::Rep::SaveBlobFilesTo`
    /// (`db/version_builder.cc`): none below the smallest one that a table names as its oldest, and from there on
    /// all but those that no table names and that are garbage entirely.
    pub fn live_blobs(&self) -> impl Iterator<Item = &BlobFile> {
        let mut linked: Vec<FileNumber> = self.linked_blobs().collect();
        linked.sort_unstable();
        let first = linked.first().copied();
        let reachable = first.map(|first| self.blobs.range(first..));
        let kept = move |(number, blob): &(&FileNumber, &BlobFile)| {
            linked.binary_search(number).is_ok() || !blob.is_all_garbage()
        };
        reachable.into_iter().flatten().filter(kept).map(|(_, blob)| blob)
    }

    /// Blob files of this column family that a table names as its oldest. A table may point into younger ones as
    /// well, which the MANIFEST does not say.
    fn linked_blobs(&self) -> impl Iterator<Item = FileNumber> {
        let named = self
            .tables
            .values()
            .filter_map(|table| table.oldest_blob_file_number);
        named.filter(|number| self.blobs.contains_key(number))
    }

    /// Takes in what the edit says about files. The order is that of `VersionBuilder::Rep::Apply`: a table that
    /// moves is deleted and added in one edit.
    pub(super) fn change_files(&mut self, edit: &mut VersionEdit) -> Result<(), String> {
        for addition in edit.blob_additions.drain(..) {
            self.add_blob(addition)?;
        }
        for garbage in &edit.blob_garbage {
            self.add_garbage(garbage)?;
        }
        for deleted in &edit.deleted_files {
            self.delete_table(*deleted)?;
        }
        for file in &mut edit.new_files {
            self.add_table(TableFile::take(file))?;
        }
        Ok(())
    }

    fn add_blob(&mut self, addition: BlobFileAddition) -> Result<(), String> {
        let number = addition.number;
        let blob = BlobFile {
            addition,
            ..BlobFile::default()
        };
        match self.blobs.insert(number, blob) {
            None => Ok(()),
            Some(_) => Err(format!("blob file {number} is added twice")),
        }
    }

    fn add_garbage(&mut self, garbage: &BlobFileGarbage) -> Result<(), String> {
        let number = garbage.number;
        let Some(blob) = self.blobs.get_mut(&number) else {
            return Err(format!("garbage in blob file {number}, which does not exist"));
        };
        if blob.add_garbage(garbage) {
            return Ok(());
        }
        Err(format!("more garbage in blob file {number} than it holds"))
    }

    fn delete_table(&mut self, deleted: DeletedFile) -> Result<(), String> {
        let DeletedFile { level, number } = deleted;
        match self.tables.remove(&number) {
            None => Err(format!("table {number} is deleted, which does not exist")),
            Some(table) if table.level == level => Ok(()),
            Some(table) => {
                let there = table.level;
                Err(format!(
                    "table {number} is deleted on level {level}, but is on level {there}"
                ))
            }
        }
    }

    fn add_table(&mut self, file: TableFile) -> Result<(), String> {
        let number = file.number;
        match self.tables.insert(number, file) {
            None => Ok(()),
            Some(_) => Err(format!("table {number} is added twice")),
        }
    }
}
