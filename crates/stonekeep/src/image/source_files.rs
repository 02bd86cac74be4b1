//! The files of an image, opened to be read.

use std::fs::File;
use std::io::{Cursor, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep_format::file_name::DbFileName;

use super::shared_reads::Share;
use super::{Content, ImageFile};
use crate::disk::direct_reader::{self, DEFAULT_DIRECT_BYTES, DirectReader, DirectReads};
use crate::disk::{FileReader, SparingReads};
use crate::{IoContext, Result, Warning, WarningName};

/// The directories that files of the image are in, with what has been found out about their file systems: then it
/// need not be found out again for each file.
#[derive(Debug)]
pub(crate) struct SourceFiles {
    directories: Mutex<Vec<Arc<Directory>>>,
    /// How much of a table is read at a time past the page cache, if that was asked for.
    direct_bytes: Option<usize>,
    /// What is read together with other backups.
    share: Option<Arc<Share>>,
}

/// See [`SourceFiles`].
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    reads: Arc<SparingReads>,
    direct: Arc<DirectReads>,
    shares_no_blocks: AtomicBool,
}

/// A file of the image that is open.
#[derive(Debug)]
pub(crate) enum SourceFile {
    File {
        file: Arc<File>,
        directory: Arc<Directory>,
        /// How much is read at a time past the page cache, if the file was opened for that.
        direct_bytes: Option<usize>,
        /// Its path, if it is read together with other backups.
        shared: Option<(PathBuf, Arc<Share>)>,
    },
    Bytes(Arc<[u8]>),
}

impl SourceFiles {
    /// None is known yet.
    pub(crate) fn new(use_direct_reads: bool, io_buffer_bytes: Option<NonZeroUsize>) -> Self {
        let direct_bytes = io_buffer_bytes.map_or(DEFAULT_DIRECT_BYTES, NonZeroUsize::get);
        SourceFiles {
            directories: Mutex::default(),
            direct_bytes: use_direct_reads.then_some(direct_bytes),
            share: None,
        }
    }

    /// The same for reads together with other backups. Tables and blobs are read through the page cache then.
    pub(crate) fn sharing(mut self, share: Option<Share>) -> Self {
        self.share = share.map(Arc::new);
        if self.share.is_some() {
            self.direct_bytes = None;
        }
        self
    }

    /// Says that a file of the image will be read, where it is read together with other backups.
    pub(crate) fn announce(&self, image: &ImageFile) {
        if let Some(share) = self.share.as_ref().filter(|_| is_finished(image))
            && let Some(path) = image.path()
        {
            share.announce(&path);
        }
    }

    /// Opens a file of the image, to read it from its first byte.
    pub(crate) fn open(&self, image: &ImageFile) -> Result<SourceFile> {
        self.open_for(image, self.direct_bytes_for(image))
    }

    /// Opens a file of the image, to read it from any byte.
    pub(crate) fn open_anywhere(&self, image: &ImageFile) -> Result<SourceFile> {
        self.open_for(image, None)
    }

    fn open_for(&self, image: &ImageFile, direct_bytes: Option<usize>) -> Result<SourceFile> {
        let (path, open) = match (image.path(), &image.content) {
            (_, Content::Bytes(bytes)) => return Ok(SourceFile::Bytes(Arc::clone(bytes))),
            (Some(path), Content::Open { file, .. }) => (path, Some(file)),
            (path, _) => (path.unwrap_or_default(), None),
        };
        let directory = self.directory(path.parent().unwrap_or(Path::new("")));
        if let Some(at_once_bytes) = direct_bytes
            && let Some(file) = directory.open_direct(&path, open)?
        {
            return Ok(SourceFile::File {
                file: Arc::new(file),
                directory,
                direct_bytes: Some(at_once_bytes),
                shared: None,
            });
        }
        let file = match open {
            Some(file) => Arc::clone(file),
            None => Arc::new(File::open(&path).context("opening", &path)?),
        };
        let share = self.share.as_ref().filter(|_| is_finished(image));
        Ok(SourceFile::File {
            file,
            directory,
            direct_bytes: None,
            shared: share.map(|share| (path.into_owned(), Arc::clone(share))),
        })
    }

    /// What was asked for and could not be done.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let known = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = known.iter().filter_map(|directory| {
            let reason = directory.direct.refusal()?;
            let message =
                format!("read through the page cache, since direct reads are refused here: {reason}");
            Some(Warning::about(
                WarningName::DirectReads,
                directory.path.display().to_string(),
                message,
            ))
        });
        refused.collect()
    }

    /// Tables and blobs of every size, as RocksDB's engine (`CreateNewBackupWithMetadata` in
    /// `utilities/backup/backup_engine.cc`): a small one is one request to the disk either way, and many small ones
    /// fill the page cache, too. Other files are short, or are being written through the page cache.
    fn direct_bytes_for(&self, image: &ImageFile) -> Option<usize> {
        let most = self.direct_bytes?;
        if !is_finished(image) {
            return None;
        }
        Some(most.min(usize::try_from(image.size_bytes).unwrap_or(most)))
    }

    fn directory(&self, path: &Path) -> Arc<Directory> {
        let mut known = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .iter()
            .find(|directory| directory.path.as_os_str() == path.as_os_str());
        if let Some(directory) = found {
            return Arc::clone(directory);
        }
        let directory = Arc::new(Directory {
            path: path.to_owned(),
            reads: Arc::default(),
            direct: Arc::default(),
            shares_no_blocks: AtomicBool::new(false),
        });
        known.push(Arc::clone(&directory));
        directory
    }
}

impl SourceFile {
    /// Its bytes from this one on, through the page cache.
    pub(crate) fn into_reader_at(self, offset: u64) -> Box<dyn Read + Send> {
        match self {
            SourceFile::File {
                file,
                directory,
                shared,
                ..
            } => {
                let reads = Arc::clone(&directory.reads);
                match shared {
                    Some((path, share)) => Box::new(share.reader(path, file, reads, offset)),
                    None => Box::new(FileReader::with_reads(file, reads).at(offset)),
                }
            }
            SourceFile::Bytes(bytes) => {
                let mut cursor = Cursor::new(bytes);
                cursor.set_position(offset);
                Box::new(cursor)
            }
        }
    }

    /// Its bytes, from the first one.
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        match self {
            SourceFile::File {
                file,
                directory,
                direct_bytes: Some(at_once),
                ..
            } => {
                let (direct, reads) = (Arc::clone(&directory.direct), Arc::clone(&directory.reads));
                Box::new(DirectReader::new(file, at_once, direct, reads))
            }
            other => other.into_reader_at(0),
        }
    }
}

/// Whether RocksDB does not change the file any more.
fn is_finished(image: &ImageFile) -> bool {
    matches!(image.name, DbFileName::Table { .. } | DbFileName::Blob(_))
}

impl Directory {
    /// A file here, which may be open already, for direct reads by this reader alone; `None` if it must be read otherwise.
    fn open_direct(&self, path: &Path, open: Option<&Arc<File>>) -> Result<Option<File>> {
        if self.direct.refusal().is_some() {
            return Ok(None);
        }
        let opened = match open {
            Some(file) => direct_reader::reopen(file),
            None => match direct_reader::open(path) {
                Err(error) if !direct_reader::is_refusal(&error) => {
                    return Err(error).context("opening", path);
                }
                opened => opened,
            },
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(reason) => {
                self.direct.give_up(&reason);
                Ok(None)
            }
        }
    }

    /// Whether a file here may share its blocks with the repository, as far as is known.
    pub(crate) fn may_share_blocks(&self) -> bool {
        !self.shares_no_blocks.load(Ordering::Relaxed)
    }

    /// One could not.
    pub(crate) fn shares_no_blocks(&self) {
        self.shares_no_blocks.store(true, Ordering::Relaxed);
    }
}

/// Reads a file of the application from its first byte, whatever its own position is.
pub(crate) fn read_from_start(file: Arc<File>) -> impl Read + Send {
    FileReader::new(file)
}
