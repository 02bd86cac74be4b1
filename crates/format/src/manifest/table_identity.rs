//! The identity of a table file, and the rule that compares two of them.
//!
//! The unique id alone does not identify a table. An imported file may carry the unique id of another file under another
//! number, and an ingestion that rewrites the global sequence number changes a file that keeps its unique id. Unique id,
//! number, smallest and largest sequence number together do.

use crate::unique_id::UniqueId;
use crate::{FileNumber, SequenceNumber};

use super::table_file::TableFile;

/// What the MANIFEST says about a table file, enough to recognise the file later without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableIdentity {
    /// The file's number.
    pub number: FileNumber,
    /// The unique id. Absent for a null id and before RocksDB 7.3.
    pub unique_id: Option<UniqueId>,
    /// The smallest sequence number in the table.
    pub smallest_seqno: SequenceNumber,
    /// The largest sequence number in the table.
    pub largest_seqno: SequenceNumber,
}

impl TableIdentity {
    /// The identity of this table.
    pub fn of(file: &TableFile) -> Self {
        TableIdentity {
            number: file.number,
            unique_id: file.unique_id.filter(|id| !id.is_null()),
            smallest_seqno: file.smallest_seqno,
            largest_seqno: file.largest_seqno,
        }
    }

    /// Whether both are the same table. Tables without a unique id prove nothing.
    pub fn is_same_table(&self, other: &Self) -> bool {
        self.unique_id.is_some() && self == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::NewFile;

    #[test]
    fn tables_compare_by_number_id_and_sequence_numbers() {
        let table = TableIdentity {
            number: FileNumber(7),
            unique_id: Some(UniqueId { low: 1, high: 2 }),
            smallest_seqno: SequenceNumber(3),
            largest_seqno: SequenceNumber(4),
        };
        assert!(table.is_same_table(&table));
        let number = FileNumber(8);
        let unique_id = Some(UniqueId { low: 1, high: 3 });
        let seqno = SequenceNumber(5);
        for other in [
            TableIdentity { number, ..table },
            TableIdentity { unique_id, ..table },
            TableIdentity {
                smallest_seqno: seqno,
                ..table
            },
            TableIdentity {
                largest_seqno: seqno,
                ..table
            },
        ] {
            assert!(!table.is_same_table(&other));
        }
        let unknown = TableIdentity {
            unique_id: None,
            ..table
        };
        for (left, right) in [(table, unknown), (unknown, table), (unknown, unknown)] {
            assert!(!left.is_same_table(&right));
        }
    }

    #[test]
    fn null_unique_ids_are_absent() {
        let file = NewFile {
            unique_id: Some(UniqueId::NULL),
            ..NewFile::default()
        };
        assert_eq!(TableIdentity::of(&file.into()).unique_id, None);
    }
}
