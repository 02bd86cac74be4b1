//! Reads the file that is inspected.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use stonekeep::format::WholeText;
use stonekeep::store::{Key, Object, ObjectReader, Store};
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
    content: Content,
    size_bytes: u64,
}

/// Where the bytes are.
enum Content {
    Local(File),
    Stored(Box<dyn Object>),
}

impl Source {
    /// A file of a store; `url` is its name for messages.
    pub(super) fn stored(store: &Store, name: &str, url: &str) -> anyhow::Result<Self> {
        let object = store.open(&Key::new(name)?)?;
        Ok(Source {
            path: url.into(),
            size_bytes: object.size_bytes(),
            content: Content::Stored(object),
        })
    }

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
            content: Content::Local(file),
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
        match &self.content {
            Content::Local(file) => file.read_exact_at(&mut bytes, offset)?,
            Content::Stored(object) => read_exact_at(object.as_ref(), &mut bytes, offset)?,
        }
        Ok(bytes)
    }

    /// The whole file, if it has at most so many bytes.
    pub(super) fn whole(&self, limit_bytes: u64) -> Result<Vec<u8>> {
        self.require_at_most(limit_bytes)?;
        self.range(0, self.size_bytes as usize)
    }

    /// The whole file, if it is a text of lines of at most so many bytes.
    pub(super) fn text(&self, limit_bytes: u64, mut text: WholeText) -> Result<Vec<u8>> {
        self.require_at_most(limit_bytes)?;
        self.pieces(&mut |piece| {
            text.push(piece)
                .map_err(|endless| Error::corrupt(self.path.display().to_string(), endless.to_string()))
        })?;
        Ok(text.into_bytes())
    }

    fn require_at_most(&self, limit_bytes: u64) -> Result<()> {
        if self.size_bytes <= limit_bytes {
            return Ok(());
        }
        let reason = format!("{} bytes are more than such a file has", self.size_bytes);
        Err(Error::corrupt(self.path.display().to_string(), reason))
    }

    /// Hands out the file piece by piece.
    pub(super) fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut content: Box<dyn Read + '_> = match &self.content {
            Content::Local(file) => Box::new(file),
            Content::Stored(object) => Box::new(ObjectReader::new(object.as_ref())),
        };
        loop {
            match content.read(&mut buffer).context("reading", &self.path)? {
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

fn read_exact_at(object: &dyn Object, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match object.read_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
