//! One file of a backup, and where its bytes are.

use std::sync::Arc;

use stonekeep_format::Crc32c;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::unique_id::SessionId;

use super::assembly::Assembly;
use super::content::{Content, FileSource};
use crate::Result;
use crate::store::Key;

/// One file of the database that a backup brings back.
#[derive(Debug, Clone)]
pub(in crate::engine) struct BackupFile {
    pub(in crate::engine) name: DbFileName,
    /// Its path in the repository; `None` for a file that is generated.
    pub(in crate::engine) path: Option<RepoPath>,
    pub(in crate::engine) size_bytes: u64,
    pub(in crate::engine) crc32c: Option<Crc32c>,
    /// The session that wrote it, from its name.
    pub(in crate::engine) session: Option<SessionId>,
    pub(in crate::engine) source: FileSource,
}

impl BackupFile {
    /// A file of a meta file's list.
    pub(super) fn listed(file: &MetaFile, size_bytes: u64, source: FileSource) -> Self {
        BackupFile {
            name: file.path.restored_name(),
            path: Some(file.path.clone()),
            size_bytes,
            crc32c: file.recorded_crc32c(),
            session: file.path.shared_name().and_then(|name| name.session_id()),
            source,
        }
    }

    /// A file with these bytes, which no repository stores.
    pub(in crate::engine) fn generated(name: DbFileName, bytes: Vec<u8>) -> Self {
        let mut file = BackupFile {
            name,
            path: None,
            size_bytes: 0,
            crc32c: None,
            session: None,
            source: FileSource::Nowhere,
        };
        file.set_bytes(bytes);
        file
    }

    /// A file of which a repository stores parts.
    pub(in crate::engine) fn assembled(name: DbFileName, assembly: Assembly) -> Self {
        BackupFile {
            name,
            path: None,
            size_bytes: assembly.size_bytes(),
            crc32c: assembly.crc32c(),
            session: None,
            source: FileSource::Assembled(Arc::new(assembly)),
        }
    }

    /// Gives the file this content.
    pub(in crate::engine) fn set_bytes(&mut self, bytes: Vec<u8>) {
        self.size_bytes = bytes.len() as u64;
        self.crc32c = Some(Crc32c(crc32c::crc32c(&bytes)));
        self.source = FileSource::Bytes(bytes.into());
    }

    /// Its path in the repository as text, for messages.
    pub(in crate::engine) fn path_text(&self) -> String {
        match &self.path {
            Some(path) => path.to_string(),
            None => self.name.to_string(),
        }
    }

    /// Where its bytes are in a repository.
    ///
    /// # Errors
    /// Those of [`Key::new`], which no file of a backup has.
    pub(in crate::engine) fn key(&self) -> Result<Key> {
        Key::new(self.path_text())
    }

    /// What it is to hold.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub(in crate::engine) fn content(&self) -> Result<Content> {
        Ok(Content {
            key: self.key()?,
            size_bytes: self.size_bytes,
            crc32c: self.crc32c,
            source: self.source.clone(),
        })
    }

    /// Whether it is a file in the repository that backups share.
    pub(in crate::engine) fn is_shared(&self) -> bool {
        let shared = self.path.as_ref().and_then(|path| path.shared_name());
        matches!(self.source, FileSource::Stored) && shared.is_some()
    }
}
