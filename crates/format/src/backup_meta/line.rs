//! One line of a meta file, with its offset for errors.

use crate::{FileKind, FormatError};

/// One line without its newline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) offset: u64,
    pub(crate) text: &'a [u8],
}

impl Line<'_> {
    pub(crate) fn corrupt(&self, reason: impl Into<String>) -> FormatError {
        FormatError::corrupt(FileKind::BackupMeta, self.offset, reason)
    }

    pub(crate) fn unsupported(&self, reason: impl Into<String>) -> FormatError {
        FormatError::unsupported(FileKind::BackupMeta, self.offset, reason)
    }
}
