//! What facts say of one file, kept small: a backup of a large database has some hundred thousand of them.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{Crc32c, SequenceNumber};

use super::session::Session;
use crate::repo::facts::{FileFacts, FileOrigin, TableFacts};

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Its place in the repository.
    pub(super) path: RepoPath,
    pub(super) size_bytes: u64,
    pub(super) crc32c: Crc32c,
    pub(super) table: Option<RecordedTable>,
    pub(super) session: Session,
    /// Only of files without a unique id.
    pub(super) origin: Option<Box<FileOrigin>>,
}

/// What tells a table from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordedTable {
    pub(super) number: u64,
    /// The MANIFEST's unique id.
    pub(super) unique_id: Option<[u8; 16]>,
    pub(super) smallest_seqno: SequenceNumber,
    pub(super) largest_seqno: SequenceNumber,
}

impl Recorded {
    /// `None` for a path that no file of a backup can have.
    pub(super) fn of(facts: &FileFacts) -> Option<Self> {
        Some(Recorded {
            path: RepoPath::parse(&facts.path)?,
            size_bytes: facts.size_bytes,
            crc32c: Crc32c(facts.crc32c),
            table: facts.table.as_ref().map(RecordedTable::of),
            session: Session::of_facts(facts.table.as_ref()),
            origin: facts.origin.clone().map(Box::new),
        })
    }

    /// Its number in the database.
    pub(super) fn number(&self) -> Option<u64> {
        self.path.restored_name().number().map(|number| number.0)
    }
}

impl RecordedTable {
    fn of(facts: &TableFacts) -> Self {
        let unique_id = facts.unique_id.as_deref();
        RecordedTable {
            number: facts.number,
            unique_id: unique_id.and_then(|hex| Some(u128::from_str_radix(hex, 16).ok()?.to_be_bytes())),
            smallest_seqno: SequenceNumber(facts.smallest_seqno),
            largest_seqno: SequenceNumber(facts.largest_seqno),
        }
    }
}
