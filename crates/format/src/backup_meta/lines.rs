//! The lines of a meta file, with the offset of each.

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

/// Reads line after line.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    offset: u64,
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Lines {
            offset: 0,
            rest: bytes,
        }
    }

    /// What has not been read: when there is no further line, what no newline ends.
    pub(crate) fn rest(&self) -> Line<'a> {
        Line {
            offset: self.offset,
            text: self.rest,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    /// The next line that a newline ends.
    fn next(&mut self) -> Option<Line<'a>> {
        let length = memchr::memchr(b'\n', self.rest)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        let line = Line {
            offset: self.offset,
            text,
        };
        self.rest = rest.get(1..)?;
        self.offset += length as u64 + 1;
        Some(line)
    }
}
