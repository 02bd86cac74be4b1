//! What identifies a table or blob, so that a stored copy of it is recognised without reading the file.
//!
//! A table is identified by what the MANIFEST says about it, see [`TableIdentity`], together with its size. A file
//! without a unique id (a blob, a table of RocksDB before 7.3) is identified by device, inode, size and times, as long
//! as nobody moves the database.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::unique_id::UniqueId;

use crate::image::{Content, ImageFile};
use crate::repo::facts::{FileFacts, FileOrigin, Session, TableFacts};
use crate::{IoContext, Result};

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size_bytes: u64,
    pub(super) table: Option<TableIdentity>,
    /// Only for files without a unique id.
    origin: Option<Box<FileOrigin>>,
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
            origin: origin.map(Box::new),
            ..Identity::of_private(file)
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

    /// Whether these facts are about this very file.
    pub(super) fn is_of(&self, facts: &FileFacts) -> bool {
        if self.size_bytes != facts.size_bytes {
            return false;
        }
        match (&self.table, facts.table) {
            (Some(table), Some(recorded)) if table.unique_id.is_some() => {
                table.is_same_table(&recorded.identity())
            }
            (Some(_), None) | (None, Some(_)) => false,
            _ => self.origin.is_some() && self.origin == facts.origin,
        }
    }

    /// Whether these facts are about another file for certain, though it has the same number.
    pub(super) fn is_not_of(&self, facts: &FileFacts) -> bool {
        let is_known = facts.table.is_some_and(|table| table.unique_id.is_some());
        is_known && self.unique_id().is_some() && !self.is_of(facts)
    }

    /// The facts of a file with this identity.
    pub(super) fn facts(&self, path: &RepoPath, crc32c: Crc32c, session: Session) -> FileFacts {
        FileFacts {
            path: path.clone(),
            size_bytes: self.size_bytes,
            crc32c: crc32c.0,
            table: self.table.map(|table| TableFacts::new(&table, session)),
            origin: self.origin.clone(),
        }
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
