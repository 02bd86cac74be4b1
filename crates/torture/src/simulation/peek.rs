//! What is in a repository at one moment, seen by nobody.

use std::sync::Arc;

/// Reads files of a repository as they are at this moment.
pub(super) trait Peek {
    /// The content of a file.
    fn content(&self, key: &str) -> Option<Arc<[u8]>>;
    /// The names in a directory.
    fn names(&self, directory: &str) -> Vec<String>;
}
