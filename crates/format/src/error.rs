//! The one error of this crate: which kind of file, where in it, and what is wrong.

use std::fmt;

/// What every parser here returns.
pub type Result<T> = std::result::Result<T, FormatError>;

/// The kinds of file that this crate reads, as they are named to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// `MANIFEST-<number>`
    Manifest,
    /// `<number>.log`
    Wal,
    /// `<number>.sst`
    Table,
    /// `<number>.blob`
    Blob,
    /// `OPTIONS-<number>`
    Options,
    /// `CURRENT`
    Current,
    /// `meta/<id>` of a backup directory
    BackupMeta,
    /// The name of a file, not its content.
    FileName,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Manifest => "MANIFEST",
            FileKind::Wal => "WAL",
            FileKind::Table => "table file",
            FileKind::Blob => "blob file",
            FileKind::Options => "OPTIONS file",
            FileKind::Current => "CURRENT",
            FileKind::BackupMeta => "backup meta file",
            FileKind::FileName => "file name",
        })
    }
}

/// Why bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are damaged or cut short.
    Corrupt(String),
    /// The bytes may be right, but a newer RocksDB (or a feature not known here) wrote them.
    Unsupported(String),
}

/// A file that could not be read, with the place and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} at byte {offset}: {}", self.reason())]
pub struct FormatError {
    /// The kind of file.
    pub file: FileKind,
    /// Offset in bytes from the start of what was given to the parser; see each parser for where that starts.
    pub offset: u64,
    /// What is wrong there.
    pub problem: Problem,
}

impl FormatError {
    /// Damaged or truncated bytes.
    pub fn corrupt(file: FileKind, offset: u64, reason: impl Into<String>) -> Self {
        FormatError {
            file,
            offset,
            problem: Problem::Corrupt(reason.into()),
        }
    }

    /// Bytes that need a newer reader.
    pub fn unsupported(file: FileKind, offset: u64, reason: impl Into<String>) -> Self {
        FormatError {
            file,
            offset,
            problem: Problem::Unsupported(reason.into()),
        }
    }

    /// The same error at another offset.
    #[must_use]
    pub(crate) fn at(self, offset: u64) -> Self {
        FormatError { offset, ..self }
    }

    /// Whether a newer reader might understand the bytes.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.problem, Problem::Unsupported(_))
    }

    /// What is wrong, without the place.
    pub fn reason(&self) -> &str {
        match &self.problem {
            Problem::Corrupt(reason) | Problem::Unsupported(reason) => reason,
        }
    }
}
