//! What facts say of one file, kept small: a backup of a large database has some hundred thousand of them.

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::unique_id::UniqueId;
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber};

use super::session::Session;
use crate::repo::facts::{FileFacts, FileOrigin, TableFacts};

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Its place in the repository.
    pub(super) path: RepoPath,
    pub(super) size_bytes: u64,
    pub(super) crc32c: Crc32c,
    pub(super) table: Option<TableIdentity>,
    pub(super) session: Session,
    /// Only of files without a unique id.
    pub(super) origin: Option<Box<FileOrigin>>,
}

impl Recorded {
    /// `None` for a path that no file of a backup can have.
    pub(super) fn of(facts: &FileFacts) -> Option<Self> {
        Some(Recorded {
            path: RepoPath::parse(&facts.path)?,
            size_bytes: facts.size_bytes,
            crc32c: Crc32c(facts.crc32c),
            table: facts.table.as_ref().map(table_identity),
            session: Session::of_facts(facts.table.as_ref()),
            origin: facts.origin.clone().map(Box::new),
        })
    }

    /// Its number in the database.
    pub(super) fn number(&self) -> Option<u64> {
        self.path.restored_name().number().map(|number| number.0)
    }
}

fn table_identity(facts: &TableFacts) -> TableIdentity {
    let bytes = |hex: &str| Some(u128::from_str_radix(hex, 16).ok()?.to_be_bytes());
    let unique_id = facts.unique_id.as_deref().and_then(bytes);
    TableIdentity {
        number: FileNumber(facts.number),
        unique_id: unique_id.map(UniqueId::from_bytes),
        smallest_seqno: SequenceNumber(facts.smallest_seqno),
        largest_seqno: SequenceNumber(facts.largest_seqno),
    }
}
