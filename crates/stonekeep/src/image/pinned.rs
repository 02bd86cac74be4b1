//! A file held open by its descriptor, of which so many bytes count.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};

use super::Content;
use super::listing::{FileIdentity, identity_of, is_absent};
use crate::{Error, IoContext, Observer, Result};

/// How much is read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// An open file with the length that it had then.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    /// What it was opened as.
    pub(super) path: PathBuf,
    /// Its length when it was opened.
    pub(super) size_bytes: u64,
    file: Arc<File>,
    identity: FileIdentity,
}

impl Pinned {
    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Opens a file for reading; `None` if it is not there.
    ///
    /// # Errors
    /// `Corrupt` if something else than a regular file has the name; that is not read.
    pub(super) fn open(path: &Path) -> Result<Option<Pinned>> {
        // Not blocking, so that a FIFO in the place of the file cannot hang the caller.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(io::Error::from) {
            Ok(descriptor) => File::from(descriptor),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) if is_too_many(&error) => {
                let hint = "raise the limit of open files (ulimit -n)";
                return Err(error)
                    .context("opening", path)
                    .map_err(|error| error.with_hint(hint));
            }
            Err(error) => return Err(error).context("opening", path),
        };
        let metadata = file.metadata().context("looking at", path)?;
        if !metadata.is_file() {
            return Err(Error::corrupt(
                path.display().to_string(),
                "it is no regular file",
            ));
        }
        Ok(Some(Pinned {
            path: path.to_owned(),
            size_bytes: metadata.len(),
            file: Arc::new(file),
            identity: identity_of(&metadata),
        }))
    }

    /// A file that is open already, of which so many bytes count; `path` says what it is, in messages.
    pub(super) fn of(file: File, path: PathBuf, size_bytes: u64) -> Result<Pinned> {
        let metadata = file.metadata().context("looking at", &path)?;
        Ok(Pinned {
            path,
            size_bytes,
            file: Arc::new(file),
            identity: identity_of(&metadata),
        })
    }

    /// The same file, of which so many bytes count.
    pub(super) fn with_size(&self, size_bytes: u64) -> Pinned {
        Pinned {
            size_bytes,
            ..self.clone()
        }
    }

    /// Hands the first `size_bytes` of the file to `take`, piece by piece.
    ///
    /// # Errors
    /// `Stopped` if the observer asks for it, `Refused` if the file has become shorter, and whatever `take` returns.
    pub(super) fn for_each_piece(
        &self,
        observer: &dyn Observer,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let end = self.read_on(0, self.size_bytes, observer, take)?;
        if end < self.size_bytes {
            Err(self.became_shorter())
        } else {
            Ok(())
        }
    }

    /// Hands the bytes between two offsets to `take`, piece by piece, as far as the file goes now; returns where it
    /// ended.
    ///
    /// # Errors
    /// `Stopped` if the observer asks for it, and whatever `take` returns.
    pub(super) fn read_on(
        &self,
        from: u64,
        to: u64,
        observer: &dyn Observer,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let most = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; PIECE_BYTES.min(most)];
        let mut offset = from;
        while offset < to {
            if observer.should_stop() {
                return Err(Error::stopped());
            }
            let wanted = (to - offset).min(buffer.len() as u64) as usize;
            match self.file.read_at(&mut buffer[..wanted], offset) {
                Ok(0) => break,
                Ok(count) => {
                    take(&buffer[..count])?;
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading", &self.path),
            }
        }
        Ok(offset)
    }

    /// The bytes between two offsets, as far as the file goes now.
    ///
    /// # Errors
    /// `Stopped` if the observer asks for it, and `Io`.
    pub(super) fn bytes(&self, from: u64, to: u64, observer: &dyn Observer) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_on(from, to, observer, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The length that the file has now.
    pub(super) fn length(&self) -> Result<u64> {
        let metadata = self.file.metadata().context("looking at", &self.path)?;
        Ok(metadata.len())
    }

    /// Whether the path still leads to this very file.
    pub(super) fn is_in_place(&self) -> Result<bool> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(identity_of(&metadata) == self.identity),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error).context("looking at", &self.path),
        }
    }

    /// Whether the path still leads to this very file, with the same length.
    pub(super) fn is_unchanged(&self) -> Result<bool> {
        Ok(self.is_in_place()? && self.length()? == self.size_bytes)
    }

    /// The file as the content of a file of the image.
    pub(super) fn content(&self) -> Content {
        Content::Open {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
        }
    }

    /// The error about a file that lost bytes that count.
    pub(super) fn became_shorter(&self) -> Error {
        Error::source_changed(format!(
            "{} became shorter while it was read",
            self.path.display()
        ))
    }
}

/// Whether this process, or the machine, has as many files open as it may.
fn is_too_many(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Reads a small file whole, up to one byte more than `limit_bytes`; `None` if it is not there.
pub(super) fn read_small(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>> {
    let Some(pinned) = Pinned::open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mut limited = (&*pinned.file).take(limit_bytes + 1);
    limited.read_to_end(&mut bytes).context("reading", path)?;
    Ok(Some(bytes))
}
