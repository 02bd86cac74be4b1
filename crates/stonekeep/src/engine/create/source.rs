//! Reading the files of an image.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep_format::Crc32c;

use crate::engine::transfer::{Meter, Metered};
use crate::image::{Content, ImageFile};
use crate::store::{FileReader, SparingReads};
use crate::{Error, IoContext, Result};

/// The checksum of a file of the database, read for nothing else.
pub(super) fn checksum(image: &ImageFile, buffer: &mut [u8], meter: &Meter<'_>) -> Result<Crc32c> {
    let source = Sources::default().open(&image.content)?;
    let mut source = Metered::new(source.into_reader(), image.size_bytes, meter);
    let crc32c = source.drain(buffer);
    let crc32c = crc32c.map_err(|error| Error::io(format!("reading {}", image.name), error));
    let crc32c = crc32c.map_err(|error| meter.explain(explain_short_source(error, image)))?;
    meter.file_done();
    Ok(crc32c)
}

/// The directories that files of the image are in, with what has been found out about their file systems: then it
/// need not be found out again for each file.
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<Vec<Arc<Directory>>>);

/// See [`Sources`].
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    reads: Arc<SparingReads>,
    shares_no_blocks: AtomicBool,
}

/// A file of the image that is open.
#[derive(Debug)]
pub(super) enum Source {
    File {
        file: Arc<File>,
        directory: Arc<Directory>,
    },
    Bytes(Arc<[u8]>),
}

impl Sources {
    /// Opens a file of the image.
    pub(super) fn open(&self, content: &Content) -> Result<Source> {
        let (file, path) = match content {
            Content::Path(path) => (Arc::new(File::open(path).context("opening", path)?), path),
            Content::Open { file, path } => (Arc::clone(file), path),
            Content::Bytes(bytes) => return Ok(Source::Bytes(Arc::clone(bytes))),
        };
        let directory = self.directory(path.parent().unwrap_or(Path::new("")));
        Ok(Source::File { file, directory })
    }

    fn directory(&self, path: &Path) -> Arc<Directory> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .iter()
            .find(|directory| directory.path.as_os_str() == path.as_os_str());
        if let Some(directory) = found {
            return Arc::clone(directory);
        }
        let directory = Arc::new(Directory {
            path: path.to_owned(),
            reads: Arc::default(),
            shares_no_blocks: AtomicBool::new(false),
        });
        known.push(Arc::clone(&directory));
        directory
    }
}

impl Source {
    /// Its bytes, from the first one.
    pub(super) fn into_reader(self) -> Box<dyn Read> {
        match self {
            Source::File { file, directory } => {
                Box::new(FileReader::with_reads(file, Arc::clone(&directory.reads)))
            }
            Source::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        }
    }
}

impl Directory {
    /// Whether a file here may share its blocks with the repository, as far as is known.
    pub(super) fn may_share_blocks(&self) -> bool {
        !self.shares_no_blocks.load(Ordering::Relaxed)
    }

    /// One could not.
    pub(super) fn shares_no_blocks(&self) {
        self.shares_no_blocks.store(true, Ordering::Relaxed);
    }
}

/// A file that ended early shrank while it was copied; that is not a failing disk.
pub(super) fn explain_short_source(error: Error, image: &ImageFile) -> Error {
    match error.io_kind() {
        Some(std::io::ErrorKind::UnexpectedEof) => {
            let message = format!("{} became shorter while it was copied", image.name);
            Error::source_changed(message)
                .with_hint("a process has the database open: back it up again")
                .with_source(error)
        }
        _ => error,
    }
}
