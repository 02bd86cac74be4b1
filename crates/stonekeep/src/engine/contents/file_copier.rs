//! How files of a backup are copied to a directory: each is checked against its checksum while it is written.

use std::io::{Cursor, ErrorKind, Read};

use stonekeep_format::{BackupId, Crc32c};

use super::content::{Content, FileSource};
use super::damage::{damaged, wrong_checksum};
use crate::engine::BackupEngineReadOnly;
use crate::engine::transfer::{Meter, Metered};
use crate::repo::wrong::Wrong;
use crate::store::{LocalFile, Object, ObjectReader, Store};
use crate::target::{TargetDirectory, TargetDisk, TargetPath};
use crate::{Error, Result};

/// Copies files of one backup into one directory.
pub(in crate::engine) struct FileCopier<'a> {
    pub(in crate::engine) engine: &'a BackupEngineReadOnly,
    pub(in crate::engine) disk: &'a TargetDisk,
    pub(in crate::engine) target: &'a TargetDirectory,
    pub(in crate::engine) meter: &'a Meter<'a>,
    pub(in crate::engine) id: BackupId,
}

impl FileCopier<'_> {
    /// Writes the file to a place where none is. One that is missing or has another checksum is read once more: it may have been
    /// changed on the way.
    ///
    /// # Errors
    /// `Corrupt` for a file that is not what it should be, `Stopped`, and I/O errors.
    pub(in crate::engine) fn copy(&self, content: &Content, at: &TargetPath) -> Result<()> {
        let is_wrong = |error: &Error| error.kind() == crate::ErrorKind::Corrupt;
        match self.copy_checked(content, at) {
            Err(error) if is_wrong(&error) && self.target.look(at)?.is_none() => {
                tracing::debug!(reason = %error.one_line(), "a file is read once more");
                self.copy_checked(content, at)
            }
            copied => copied,
        }
    }

    /// Leaves nothing of a file with a wrong checksum, or of one that is missing.
    fn copy_checked(&self, content: &Content, at: &TargetPath) -> Result<()> {
        let found = match &content.source {
            FileSource::Stored => self.copy_from(self.engine.store(), content, at)?,
            FileSource::Alternate(store) => self.copy_from(store, content, at)?,
            FileSource::Assembled(assembly) => {
                self.write(assembly.reader(self.engine.store()), content, at)?
            }
            FileSource::Bytes(bytes) => self.write(Cursor::new(bytes), content, at)?,
            FileSource::Nowhere => {
                return Err(damaged(self.id, content.key.as_str(), "it is nowhere".into()));
            }
        };
        match content.crc32c {
            Some(expected) if expected != found => {
                self.disk.remove(at)?;
                self.meter.take_back(content.size_bytes);
                Err(wrong_checksum(self.id, content.key.as_str(), expected, found))
            }
            _ => Ok(()),
        }
    }

    fn copy_from(&self, store: &Store, content: &Content, at: &TargetPath) -> Result<Crc32c> {
        let (key, expected) = (&content.key, content.size_bytes);
        let wrong = |wrong: Wrong| damaged(self.id, key.as_str(), wrong.to_string());
        let opened = store.open(key);
        let object = opened.map_err(|error| Wrong::of_opening_listed(store, &error).map_or(error, wrong))?;
        let found = object.size_bytes();
        if found != expected {
            return Err(wrong(Wrong::Size { found, expected }));
        }
        if let Some(found) = self.share(object.as_ref(), expected, at)? {
            return Ok(found);
        }
        let name = key.shown_in(store);
        let mut reader = Metered::new(ObjectReader::new(object.as_ref()), &name, expected, self.meter);
        let copied = self.disk.write(at, &mut reader, expected);
        copied.map_err(|error| match error.io_kind() {
            Some(ErrorKind::UnexpectedEof) => damaged(self.id, key.as_str(), "ends early".into()),
            _ => error,
        })?;
        Ok(reader.crc32c())
    }

    fn write(&self, bytes: impl Read, content: &Content, at: &TargetPath) -> Result<Crc32c> {
        let mut reader = Metered::new(bytes, &content.key, content.size_bytes, self.meter);
        self.disk.write(at, &mut reader, content.size_bytes)?;
        Ok(reader.crc32c())
    }

    /// Shares the blocks of the stored file, where the disk can, and reads them for their checksum.
    fn share(&self, object: &dyn Object, size_bytes: u64, at: &TargetPath) -> Result<Option<Crc32c>> {
        let source = object.local_file().filter(|_| self.engine.options().reflink);
        let Some(LocalFile { file, device }) = source else {
            return Ok(None);
        };
        if !self.disk.write_clone(at, file, device, size_bytes)? {
            return Ok(None);
        }
        self.checksum(at)
    }

    /// The checksum of a file at the target, if there is one.
    pub(in crate::engine) fn checksum(&self, at: &TargetPath) -> Result<Option<Crc32c>> {
        let Some(file) = self.target.open(at)? else {
            return Ok(None);
        };
        let mut reader = Metered::new(file.reader(), at, file.size_bytes(), self.meter);
        reader.drain(&mut self.engine.read_buffer()).map(Some)
    }
}
