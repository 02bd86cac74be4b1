//! The files that a reader of meta files knows.

use stonekeep_format::backup_meta::{PathId, PathTable};

use super::path_set::PathSet;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct KnownFiles<'a> {
    /// Their paths.
    pub paths: &'a PathTable,
    /// The plain ones, of which nothing but the path and the checksum matters; `None` if all are plain.
    pub plain: Option<&'a PathSet>,
}

impl KnownFiles<'_> {
    /// Whether nothing but the path and the checksum of the file matters.
    pub fn is_plain(&self, id: PathId) -> bool {
        self.plain.is_none_or(|plain| plain.contains(id))
    }
}
