//! A record that takes files out of a database although it needs them, as `ldb unsafe_remove_sst_file` writes it.

use std::collections::BTreeSet;

use crate::{ColumnFamilyId, FileNumber};

use super::edit::DeletedFile;
use super::tag;

/// Files that a database is to open without.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// The column family of the tables.
    pub column_family: ColumnFamilyId,
    /// Tables, each on the level that it is on.
    pub tables: BTreeSet<DeletedFile>,
    /// WALs below this number are no longer tracked, so that RocksDB does not miss them.
    pub wals_deleted_before: Option<FileNumber>,
}

impl Removal {
    /// The payload of the record (`VersionEdit::EncodeTo`, `db/version_edit.cc`).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for table in &self.tables {
            put_varint(&mut out, u64::from(tag::DELETED_FILE));
            put_varint(&mut out, u64::from(table.level));
            put_varint(&mut out, table.number.0);
        }
        if let Some(number) = self.wals_deleted_before {
            let mut field = Vec::new();
            put_varint(&mut field, number.0);
            put_varint(&mut out, u64::from(tag::WAL_DELETION_2));
            put_varint(&mut out, field.len() as u64);
            out.append(&mut field);
        }
        if self.column_family != ColumnFamilyId::DEFAULT {
            put_varint(&mut out, u64::from(tag::COLUMN_FAMILY));
            put_varint(&mut out, u64::from(self.column_family.0));
        }
        out
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::edit::VersionEdit;
    use super::*;

    #[test]
    fn the_record_says_what_was_asked_for() {
        let table = |level, number| DeletedFile {
            level,
            number: FileNumber(number),
        };
        for (family, tables, before) in [
            (0, vec![table(0, 9)], None),
            (
                300,
                vec![table(0, 127), table(6, 1 << 40)],
                Some(FileNumber(u64::MAX)),
            ),
            (0, vec![], Some(FileNumber(128))),
        ] {
            let removal = Removal {
                column_family: ColumnFamilyId(family),
                tables: tables.into_iter().collect(),
                wals_deleted_before: before,
            };
            let payload = removal.encode();
            let decoded = VersionEdit::decode(&payload, 0).unwrap();
            let wanted = VersionEdit {
                column_family: removal.column_family,
                deleted_files: removal.tables,
                wals_deleted_before: before,
                ..VersionEdit::default()
            };
            assert_eq!(decoded, wanted);
        }
    }
}
