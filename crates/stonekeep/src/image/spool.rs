//! A copy of bytes that their file will not keep: in memory up to a limit, beyond it in a temporary file without a name.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{SpooledData, SpooledTempFile};

use super::Content;
use super::pinned::Pinned;
use crate::{IoContext, Observer, Result};

/// Takes bytes.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    bytes: SpooledTempFile,
    size_bytes: u64,
}

impl Spool {
    /// For the bytes of the file with this path.
    pub(super) fn of(path: &Path, most_in_memory: u64) -> Spool {
        Spool {
            path: path.to_owned(),
            bytes: SpooledTempFile::new(usize::try_from(most_in_memory).unwrap_or(usize::MAX)),
            size_bytes: 0,
        }
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// `Io` if the temporary file cannot be made or written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size_bytes += bytes.len() as u64;
        let written = self.bytes.write_all(bytes);
        written.context("writing a temporary copy of", &self.path)
    }

    /// How many bytes it has taken.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// All bytes.
    pub(super) fn finish(self) -> Result<Spooled> {
        Ok(match self.bytes.into_inner() {
            SpooledData::InMemory(bytes) => Spooled::Memory(bytes.into_inner().into()),
            SpooledData::OnDisk(file) => Spooled::File(Pinned::of(file, self.path, self.size_bytes)?),
        })
    }
}

/// What a [`Spool`] took.
#[derive(Debug, Clone)]
pub(super) enum Spooled {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In a temporary file.
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
