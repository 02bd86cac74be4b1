//! What tells a file of the database from every other, so that a stored copy is known without reading the file.
//!
//! A table is known by its MANIFEST unique id, number, size, and smallest and largest sequence number together: an
//! imported file can have another file's unique id under another number, and a rewritten global sequence number
//! changes a file under the same id. A file without a unique id (a blob, a table of RocksDB before 7.3) is known by
//! device, inode, size and times, as long as nobody has moved the database.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stonekeep_format::FileNumber;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::unique_id::UniqueId;

use super::recorded::Recorded;
use crate::image::{Content, ImageFile};
use crate::repo::facts::{FileOrigin, TableFacts};
use crate::{IoContext, Result};

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) number: FileNumber,
    pub(super) size_bytes: u64,
    pub(super) table: Option<TableIdentity>,
    /// Only for files without a unique id.
    pub(super) origin: Option<FileOrigin>,
}

impl Identity {
    /// The identity of a table or blob; `None` for other files, which are copied each time.
    pub(super) fn of(file: &ImageFile, number: FileNumber) -> Result<Self> {
        let known_by_id = file.table.is_some_and(|table| table.unique_id.is_some());
        let origin = if known_by_id { None } else { origin(file)? };
        Ok(Identity {
            number,
            size_bytes: file.size_bytes,
            table: file.table,
            origin,
        })
    }

    /// The MANIFEST's unique id, unless it is null.
    pub(super) fn unique_id(&self) -> Option<UniqueId> {
        self.table.and_then(|table| table.unique_id)
    }

    /// Whether this is what was recorded of this very file.
    pub(super) fn is_of(&self, recorded: &Recorded) -> bool {
        if recorded.size_bytes != self.size_bytes {
            return false;
        }
        match (&self.table, &recorded.table) {
            (Some(table), Some(known)) if table.unique_id.is_some() => table.is_same_table(known),
            (Some(_), None) | (None, Some(_)) => false,
            _ => self.origin.is_some() && self.origin.as_ref() == recorded.origin.as_deref(),
        }
    }

    /// Whether this was recorded of another file for certain, though it has the same number.
    pub(super) fn differs_from(&self, recorded: &Recorded) -> bool {
        let known_by_id = recorded.table.is_some_and(|table| table.unique_id.is_some());
        known_by_id && self.unique_id().is_some() && !self.is_of(recorded)
    }
}

/// The facts to keep of a table.
pub(super) fn facts_of(table: &TableIdentity, session_id: Option<String>) -> TableFacts {
    TableFacts {
        number: table.number.0,
        unique_id: table
            .unique_id
            .map(|id| format!("{:032x}", u128::from_be_bytes(id.to_bytes()))),
        smallest_seqno: table.smallest_seqno.0,
        largest_seqno: table.largest_seqno.0,
        session_id,
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
