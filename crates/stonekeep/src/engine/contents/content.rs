//! The content of a file, and where its bytes are.

use std::sync::Arc;

use stonekeep_format::Crc32c;

use super::assembly::Assembly;
use crate::store::{Key, Store};

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(in crate::engine) enum FileSource {
    /// In the repository, at its path.
    Stored,
    /// At its path in another repository: the backup excludes the file.
    Alternate(Store),
    /// In several places, one part after the other.
    Assembled(Arc<Assembly>),
    /// Here, with the right checksum.
    Bytes(Arc<[u8]>),
    /// The backup excludes the file, and neither another backup nor another repository has it.
    Nowhere,
}

/// What a file is to hold, and where that is.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Content {
    /// Its place in a repository, which messages name as well.
    pub(in crate::engine) key: Key,
    pub(in crate::engine) size_bytes: u64,
    pub(in crate::engine) crc32c: Option<Crc32c>,
    pub(in crate::engine) source: FileSource,
}
