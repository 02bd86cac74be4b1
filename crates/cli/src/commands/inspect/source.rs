//! Reads the file that is inspected.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use stonekeep::{Error, IoContext, Result};

/// This much is read to detect a file's kind: a block of a log.
const HEAD_BYTES: u64 = 32 << 10;
/// A table's footer is shorter (`table/format.h`).
const TAIL_BYTES: u64 = 64;
/// How much is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// A file with its length.
pub(super) struct Source {
    path: PathBuf,
    file: File,
    size_bytes: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let metadata = path.metadata().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("there is no file {}", path.display())),
            _ => Error::io(format!("looking at {}", path.display()), error),
        })?;
        if !metadata.is_file() {
            return Err(Error::invalid(format!("{} is no regular file", path.display()))
                .with_hint("name one file of a database or a repository"));
        }
        let file = File::open(path).context("opening", path)?;
        Ok(Source {
            path: path.to_owned(),
            file,
            size_bytes: metadata.len(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The file's first bytes.
    pub(super) fn head(&self) -> Result<Vec<u8>> {
        self.range(0, self.size_bytes.min(HEAD_BYTES) as usize)
    }

    /// The file's last bytes.
    pub(super) fn tail(&self) -> Result<Vec<u8>> {
        let length = self.size_bytes.min(TAIL_BYTES);
        self.range(self.size_bytes - length, length as usize)
    }

    /// Bytes that are inside of the file.
    pub(super) fn range(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.read_at(offset, length).context("reading", &self.path)
    }

    /// Like [`Source::range`], for readers that add the path themselves.
    pub(super) fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// The whole file, if it has at most so many bytes.
    pub(super) fn whole(&self, limit_bytes: u64) -> Result<Vec<u8>> {
        if self.size_bytes > limit_bytes {
            let reason = format!("{} bytes are more than such a file has", self.size_bytes);
            return Err(Error::corrupt(self.path.display().to_string(), reason));
        }
        self.range(0, self.size_bytes as usize)
    }

    /// Hands out the file piece by piece.
    pub(super) fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut file = &self.file;
        loop {
            match file.read(&mut buffer).context("reading", &self.path)? {
                0 => return Ok(()),
                count => take(&buffer[..count])?,
            }
        }
    }

    /// A parser's complaint about this file.
    pub(super) fn complaint(&self, error: stonekeep::format::FormatError) -> Error {
        Error::format(self.path.display().to_string(), error)
    }
}
