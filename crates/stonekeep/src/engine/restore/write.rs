//! A file that a restore writes.

use super::moves::MovedFile;
use crate::engine::contents::Content;

/// A file to be written.
#[derive(Debug)]
pub(super) struct Write {
    /// Its place at the target.
    pub(super) to: MovedFile,
    pub(super) content: Content,
}
