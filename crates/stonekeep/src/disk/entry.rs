//! What a directory lists.

use std::time::SystemTime;

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory, or a common prefix of keys.
    Directory,
    /// A symbolic link, FIFO, socket or device: never opened, never followed.
    Other,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, without its directory. Names that no [`Key`](crate::Key) can have (no UTF-8, control characters) come with
    /// replacement characters and as [`EntryKind::Other`].
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its length; 0 for what is no file, and where only names were asked for.
    pub size_bytes: u64,
    /// When it was last changed, where the store knows.
    pub modified: Option<SystemTime>,
}
