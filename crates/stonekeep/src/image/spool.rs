//! Bytes that are kept beside the database, since the file that they come from will not keep them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Content;
use super::pinned::Pinned;
use crate::{IoContext, Observer, Result};

/// Takes bytes: in memory up to a limit, beyond it in a temporary file that has no name.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    most_in_memory: u64,
    bytes: Vec<u8>,
    file: Option<File>,
    size_bytes: u64,
}

impl Spool {
    /// For the bytes of the file with this path.
    pub(super) fn of(path: &Path, most_in_memory: u64) -> Spool {
        Spool {
            path: path.to_owned(),
            most_in_memory,
            bytes: Vec::new(),
            file: None,
            size_bytes: 0,
        }
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// `Io` if the temporary file cannot be made or written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size_bytes += bytes.len() as u64;
        if self.file.is_none() && self.size_bytes <= self.most_in_memory {
            self.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        let doing = "writing a temporary copy of";
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = tempfile::tempfile().context(doing, &self.path)?;
                file.write_all(&std::mem::take(&mut self.bytes))
                    .context(doing, &self.path)?;
                self.file.insert(file)
            }
        };
        file.write_all(bytes).context(doing, &self.path)
    }

    /// How many bytes it has taken.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// All that was taken.
    pub(super) fn finish(self) -> Result<Spooled> {
        Ok(match self.file {
            Some(file) => Spooled::File(Pinned::of(file, self.path, self.size_bytes)?),
            None => Spooled::Memory(self.bytes.into()),
        })
    }
}

/// What a [`Spool`] took.
#[derive(Debug, Clone)]
pub(super) enum Spooled {
    /// A little.
    Memory(Arc<[u8]>),
    /// More.
    File(Pinned),
}

impl Spooled {
    /// Hands all bytes to `take`, piece by piece.
    pub(super) fn for_each_piece(
        &self,
        observer: &dyn Observer,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Spooled::Memory(bytes) => take(bytes),
            Spooled::File(file) => file.for_each_piece(observer, take),
        }
    }

    /// How many bytes there are.
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Spooled::Memory(bytes) => bytes.len() as u64,
            Spooled::File(file) => file.size_bytes,
        }
    }

    /// How many bytes are in memory.
    pub(super) fn bytes_in_memory(&self) -> u64 {
        match self {
            Spooled::Memory(bytes) => bytes.len() as u64,
            Spooled::File(_) => 0,
        }
    }

    /// The first bytes as the content of a file of the image.
    pub(super) fn content(&self, size_bytes: u64) -> Content {
        match self {
            Spooled::Memory(bytes) => {
                let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
                Content::Bytes(bytes.get(..size).unwrap_or(bytes).into())
            }
            Spooled::File(file) => file.content(),
        }
    }
}
