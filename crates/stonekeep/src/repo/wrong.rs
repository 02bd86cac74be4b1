//! What can be wrong with a stored file, apart from its content.

use std::fmt;

use stonekeep_format::backup_name::RepoPath;

use super::stored_files::StoredEntry;
use crate::store::{EntryKind, Store};
use crate::{Error, ErrorKind, Finding};

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such file.
    Missing,
    /// The store lists it, and does not find it when it is read. Some stores show an object only after a while.
    ListedOnly,
    /// It is a directory, a link or a device.
    NoFile,
    /// The file has another size.
    Size {
        /// The size that it has.
        found: u64,
        /// The size that is recorded.
        expected: u64,
    },
}

impl Wrong {
    /// `None` if nothing known speaks against the file.
    pub fn of(found: Option<StoredEntry>, expected: Option<u64>) -> Option<Self> {
        let Some(found) = found else {
            return Some(Wrong::Missing);
        };
        if found.kind != EntryKind::File {
            return Some(Wrong::NoFile);
        }
        match (found.size_bytes, expected) {
            (Some(found), Some(expected)) if found != expected => Some(Wrong::Size { found, expected }),
            _ => None,
        }
    }

    /// The finding for the file with this path.
    pub fn finding(self, path: &RepoPath) -> Finding {
        Finding {
            file: path.to_string(),
            reason: self.to_string(),
        }
    }

    /// The same of a file that was found in a listing before, where the store has listings.
    pub fn of_opening_listed(store: &Store, error: &Error) -> Option<Self> {
        let is_listed = store.directory().is_none() && store.traits().lists;
        match Wrong::of_opening(error) {
            Some(Wrong::Missing) if is_listed => Some(Wrong::ListedOnly),
            wrong => wrong,
        }
    }

    /// What is wrong with a file that could not be opened; `None` if the error says nothing about the file.
    pub fn of_opening(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::NotFound => Some(Wrong::Missing),
            ErrorKind::Corrupt => Some(Wrong::NoFile),
            _ => None,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Missing => f.write_str("is missing"),
            Wrong::ListedOnly => f.write_str(
                "is listed, and was not found when it was read: run this again later, unless another program has removed it",
            ),
            Wrong::NoFile => f.write_str("is no regular file"),
            Wrong::Size { found, expected } => write!(f, "has {found} bytes instead of {expected}"),
        }
    }
}
