//! A file that a restore writes.

use stonekeep_format::{BackupId, Crc32c};

use super::moves::MovedFile;
use crate::Result;
use crate::engine::contents::BackupFile;
use crate::repo::included::IncludedFile;
use crate::store::Key;
use crate::target::Area;

/// A file to be written.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) area: Area,
    pub(super) file: WrittenFile,
}

/// What is written.
#[derive(Debug, Clone)]
pub(super) enum WrittenFile {
    Database(BackupFile),
    /// A file of the application, with its number in the backup.
    Included(u32, IncludedFile),
}

impl Write {
    /// The file at the target.
    pub(super) fn to(&self) -> MovedFile {
        match &self.file {
            WrittenFile::Database(file) => MovedFile::new(self.area, &file.name.to_string()),
            WrittenFile::Included(number, file) => MovedFile::included(*number, &file.path),
        }
    }
}

impl WrittenFile {
    pub(super) fn of_database(&self) -> Option<&BackupFile> {
        match self {
            WrittenFile::Database(file) => Some(file),
            WrittenFile::Included(..) => None,
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            WrittenFile::Database(file) => file.size_bytes,
            WrittenFile::Included(_, file) => file.size_bytes,
        }
    }

    pub(super) fn crc32c(&self) -> Option<Crc32c> {
        match self {
            WrittenFile::Database(file) => file.crc32c,
            WrittenFile::Included(_, file) => Some(file.checksum()),
        }
    }

    /// Its path in the repository as text, for messages.
    pub(super) fn path_text(&self) -> String {
        match self {
            WrittenFile::Database(file) => file.path_text(),
            WrittenFile::Included(_, file) => file.path.clone(),
        }
    }

    /// Where its bytes are in a repository.
    pub(super) fn key(&self, id: BackupId) -> Result<Key> {
        match self {
            WrittenFile::Database(file) => file.key(),
            WrittenFile::Included(_, file) => file.key(id),
        }
    }
}
