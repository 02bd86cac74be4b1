//! What the NameNode says of a file or of a directory.

use std::time::{Duration, SystemTime};

use hdfs_native::client::FileStatus;

use crate::store::{Entry, EntryKind, Key};

/// The last part of its path.
pub(super) fn name(status: &FileStatus) -> &str {
    status.path.rsplit('/').next().unwrap_or_default()
}

/// Times of HDFS are in milliseconds.
pub(super) fn modified(status: &FileStatus) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(status.modification_time))
}

pub(super) fn entry(status: &FileStatus) -> Entry {
    let name = name(status);
    let kind = match status.isdir {
        _ if !Key::is_legal(name) => EntryKind::Other,
        true => EntryKind::Directory,
        false => EntryKind::File,
    };
    Entry {
        name: name.to_owned(),
        kind,
        size_bytes: if status.isdir { 0 } else { status.length as u64 },
        modified: modified(status),
    }
}
