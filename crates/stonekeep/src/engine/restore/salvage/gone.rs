//! Which tables and blob files a MANIFEST names, and a backup does not have any more.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{ColumnFamily, DatabaseState, DeletedFile};
use stonekeep_format::{ColumnFamilyId, FileNumber};

use super::report::LossOfFamily;
use crate::engine::contents::BackupFile;

/// A table that is gone.
pub(super) struct GoneTable {
    pub(super) number: FileNumber,
    pub(super) level: u32,
    pub(super) size_bytes: u64,
    pub(super) column_family: ColumnFamilyId,
}

/// A blob file that is gone.
pub(super) struct GoneBlob {
    pub(super) number: FileNumber,
    pub(super) size_bytes: u64,
    pub(super) column_family: ColumnFamilyId,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Gone {
    pub(super) tables: Vec<GoneTable>,
    pub(super) blobs: Vec<GoneBlob>,
    pub(super) families: Vec<LossOfFamily>,
}

impl Gone {
    /// What of this state is not among the files.
    pub(super) fn of(state: &DatabaseState, files: &[BackupFile]) -> Self {
        let tables: HashSet<FileNumber> = files.iter().filter_map(|file| table_number(&file.name)).collect();
        let blobs: HashSet<FileNumber> = files.iter().filter_map(|file| blob_number(&file.name)).collect();
        let mut gone = Gone::default();
        for family in state.column_families().values() {
            gone.add(family, &tables, &blobs);
        }
        gone
    }

    fn add(&mut self, family: &ColumnFamily, tables: &HashSet<FileNumber>, blobs: &HashSet<FileNumber>) {
        let (first_table, first_blob) = (self.tables.len(), self.blobs.len());
        let lost = family
            .tables
            .values()
            .filter(|table| !tables.contains(&table.number));
        self.tables.extend(lost.map(|table| GoneTable {
            number: table.number,
            level: table.level,
            size_bytes: table.size_bytes,
            column_family: family.id,
        }));
        let lost = family
            .live_blobs()
            .filter(|blob| !blobs.contains(&blob.addition.number));
        self.blobs.extend(lost.map(|blob| GoneBlob {
            number: blob.addition.number,
            size_bytes: blob.addition.file_size_bytes(),
            column_family: family.id,
        }));
        let tables_lost = self.tables.get(first_table..).unwrap_or_default();
        let blobs_lost = self.blobs.get(first_blob..).unwrap_or_default();
        if tables_lost.is_empty() && blobs_lost.is_empty() {
            return;
        }
        self.families.push(LossOfFamily {
            name: String::from_utf8_lossy(&family.name).into_owned(),
            tables: family.tables.len() as u64,
            tables_lost: tables_lost.len() as u64,
            bytes: family.tables.values().map(|table| table.size_bytes).sum(),
            bytes_lost: tables_lost.iter().map(|table| table.size_bytes).sum(),
            blobs_lost: blobs_lost.len() as u64,
        });
    }

    /// What removes the tables from the state.
    pub(super) fn deleted_files(&self) -> BTreeMap<ColumnFamilyId, BTreeSet<DeletedFile>> {
        let mut deleted: BTreeMap<_, BTreeSet<DeletedFile>> = BTreeMap::new();
        for table in &self.tables {
            deleted
                .entry(table.column_family)
                .or_default()
                .insert(DeletedFile {
                    level: table.level,
                    number: table.number,
                });
        }
        deleted
    }
}

fn table_number(name: &DbFileName) -> Option<FileNumber> {
    match name {
        DbFileName::Table { number, .. } => Some(*number),
        _ => None,
    }
}

fn blob_number(name: &DbFileName) -> Option<FileNumber> {
    match name {
        DbFileName::Blob(number) => Some(*number),
        _ => None,
    }
}
