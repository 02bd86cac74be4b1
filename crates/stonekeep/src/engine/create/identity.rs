//! What identifies a table or blob, so that a stored copy of it is recognised without reading the file.
//!
//! A table is identified by what the MANIFEST says about it, see [`TableIdentity`], together with its size. A file
//! without a unique id (a blob, a table of RocksDB before 7.3) is identified by device, inode, size and times, as long
//! as nobody moves the database.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::unique_id::UniqueId;
use stonekeep_format::{Crc32c, FileNumber, SequenceNumber};

use super::session::Session;
use crate::image::{Content, ImageFile};
use crate::repo::facts::{FileFacts, FileOrigin, TableFacts};
use crate::{IoContext, Result};

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size_bytes: u64,
    pub(super) table: Option<TableIdentity>,
    /// Only for files without a unique id.
    pub(super) origin: Option<Box<FileOrigin>>,
}

impl Identity {
    /// The identity of a table or blob of the database.
    ///
    /// # Errors
    /// Those of `stat`, for a file without a unique id.
    pub(super) fn of(file: &ImageFile) -> Result<Self> {
        let has_unique_id = file.table.is_some_and(|table| table.unique_id.is_some());
        let origin = if has_unique_id { None } else { origin(file)? };
        Ok(Identity {
            size_bytes: file.size_bytes,
            table: file.table,
            origin: origin.map(Box::new),
        })
    }

    /// The identity of a file that is not shared, and so never looked up.
    pub(super) fn of_private(file: &ImageFile) -> Self {
        Identity {
            size_bytes: file.size_bytes,
            table: file.table,
            origin: None,
        }
    }

    /// The MANIFEST's unique id.
    pub(super) fn unique_id(&self) -> Option<UniqueId> {
        self.table.and_then(|table| table.unique_id)
    }

    /// Whether both are the same file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        if self.size_bytes != other.size_bytes {
            return false;
        }
        match (&self.table, &other.table) {
            (Some(table), Some(other)) if table.unique_id.is_some() => table.is_same_table(other),
            (Some(_), None) | (None, Some(_)) => false,
            _ => self.origin.is_some() && self.origin == other.origin,
        }
    }

    /// Whether they are two files for certain, though they have the same number.
    pub(super) fn is_another(&self, other: &Self) -> bool {
        self.unique_id().is_some() && other.unique_id().is_some() && !self.is_same(other)
    }

    /// The facts of a file with this identity.
    pub(super) fn facts(&self, path: &RepoPath, crc32c: Crc32c, session: Session) -> FileFacts {
        FileFacts {
            path: path.to_string(),
            size_bytes: self.size_bytes,
            crc32c: crc32c.0,
            table: self.table.map(|table| TableFacts {
                number: table.number.0,
                unique_id: table
                    .unique_id
                    .map(|id| format!("{:032x}", u128::from_be_bytes(id.to_bytes()))),
                smallest_seqno: table.smallest_seqno.0,
                largest_seqno: table.largest_seqno.0,
                session_id: session.to_facts(),
            }),
            origin: self.origin.as_deref().cloned(),
        }
    }
}

/// What facts say about one file, in little memory: the facts of a large database have some hundred thousand of them.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) path: RepoPath,
    pub(super) crc32c: Crc32c,
    pub(super) identity: Identity,
    pub(super) session: Session,
}

impl Recorded {
    /// `None` for a path that no file of a backup can have.
    pub(super) fn of(facts: &FileFacts) -> Option<Self> {
        Some(Recorded {
            path: RepoPath::parse(&facts.path)?,
            crc32c: Crc32c(facts.crc32c),
            identity: Identity {
                size_bytes: facts.size_bytes,
                table: facts.table.as_ref().map(table_identity),
                origin: facts.origin.clone().map(Box::new),
            },
            session: Session::of_facts(facts.table.as_ref()),
        })
    }

    /// The file's number in the database.
    pub(super) fn number(&self) -> Option<FileNumber> {
        self.path.restored_name().number()
    }
}

fn table_identity(facts: &TableFacts) -> TableIdentity {
    let unique_id = |hex: &str| {
        Some(UniqueId::from_bytes(
            u128::from_str_radix(hex, 16).ok()?.to_be_bytes(),
        ))
    };
    TableIdentity {
        number: FileNumber(facts.number),
        unique_id: facts.unique_id.as_deref().and_then(unique_id),
        smallest_seqno: SequenceNumber(facts.smallest_seqno),
        largest_seqno: SequenceNumber(facts.largest_seqno),
    }
}

fn origin(file: &ImageFile) -> Result<Option<FileOrigin>> {
    let Some(path) = file.path() else {
        return Ok(None);
    };
    let metadata = match &file.content {
        Content::Open { file, .. } => file.metadata(),
        _ => fs::metadata(&path),
    };
    let metadata = metadata.context("looking at", &path)?;
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Ok(Some(FileOrigin {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    }))
}
