//! Reading the files of an image.

use std::fs::File;
use std::io::{Cursor, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep_format::Crc32c;

use super::decision::shareable;
use super::ends::Ends;
use super::unknown_formats::UnknownFormats;
use crate::disk::direct_reader::{self, DEFAULT_DIRECT_BYTES, DirectReader, DirectReads};
use crate::disk::{FileReader, SparingReads};
use crate::engine::BackupEngineOptions;
use crate::engine::transfer::{Meter, Metered};
use crate::image::{Content, ImageFile};
use crate::{Error, IoContext, Result, Warning, WarningName};

/// The checksum of a file of the database, read for nothing else.
pub(super) fn checksum(
    image: &ImageFile,
    sources: &Sources,
    buffer: &mut [u8],
    meter: &Meter<'_>,
) -> Result<Crc32c> {
    let source = sources.open(image)?;
    let mut source = Metered::new(source.into_reader(), image, image.size_bytes, meter);
    let crc32c = source.drain(buffer);
    let crc32c = crc32c.map_err(|error| explain_short_source(error, image))?;
    meter.file_done();
    Ok(crc32c)
}

/// The directories that files of the image are in, with what has been found out about their file systems: then it
/// need not be found out again for each file.
#[derive(Debug)]
pub(super) struct Sources {
    directories: Mutex<Vec<Arc<Directory>>>,
    /// How much of a table is read at a time past the page cache, if that was asked for.
    direct_bytes: Option<usize>,
    pub(super) unknown_formats: UnknownFormats,
}

/// See [`Sources`].
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    reads: Arc<SparingReads>,
    direct: Arc<DirectReads>,
    shares_no_blocks: AtomicBool,
}

/// A file of the image that is open.
#[derive(Debug)]
pub(super) enum Source {
    File {
        file: Arc<File>,
        directory: Arc<Directory>,
        /// How much is read at a time past the page cache, if the file was opened for that.
        direct_bytes: Option<usize>,
    },
    Bytes(Arc<[u8]>),
}

impl Sources {
    /// None is known yet.
    pub(super) fn new(options: &BackupEngineOptions) -> Self {
        let direct_bytes = options
            .io_buffer_size_bytes
            .map_or(DEFAULT_DIRECT_BYTES, NonZeroUsize::get);
        Sources {
            directories: Mutex::default(),
            direct_bytes: options.use_direct_reads.then_some(direct_bytes),
            unknown_formats: UnknownFormats::default(),
        }
    }

    /// Opens a file of the image, to read it from its first byte.
    pub(super) fn open(&self, image: &ImageFile) -> Result<Source> {
        self.open_for(image, self.direct_bytes_for(image))
    }

    /// Opens a file of the image, to read it from any byte.
    pub(super) fn open_anywhere(&self, image: &ImageFile) -> Result<Source> {
        self.open_for(image, None)
    }

    fn open_for(&self, image: &ImageFile, direct_bytes: Option<usize>) -> Result<Source> {
        let (path, open) = match (image.path(), &image.content) {
            (_, Content::Bytes(bytes)) => return Ok(Source::Bytes(Arc::clone(bytes))),
            (Some(path), Content::Open { file, .. }) => (path, Some(file)),
            (path, _) => (path.unwrap_or_default(), None),
        };
        let directory = self.directory(path.parent().unwrap_or(Path::new("")));
        if let Some(at_once_bytes) = direct_bytes
            && let Some(file) = directory.open_direct(&path, open)?
        {
            return Ok(Source::File {
                file: Arc::new(file),
                directory,
                direct_bytes: Some(at_once_bytes),
            });
        }
        let file = match open {
            Some(file) => Arc::clone(file),
            None => Arc::new(File::open(&path).context("opening", &path)?),
        };
        Ok(Source::File {
            file,
            directory,
            direct_bytes: None,
        })
    }

    /// Refuses a file that, by its ends, cannot be the table or blob of its name.
    ///
    /// # Errors
    /// As [`Ends::judge`].
    pub(super) fn judge(&self, ends: &Ends, image: &ImageFile) -> Result<()> {
        if let Some(format) = ends.judge(image)? {
            self.unknown_formats.add(&image.name, format);
        }
        Ok(())
    }

    /// What was asked for and could not be done.
    pub(super) fn warnings(&self) -> Vec<Warning> {
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
        shareable(&image.name)?;
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

impl Source {
    /// Its bytes from this one on, through the page cache.
    pub(super) fn into_reader_at(self, offset: u64) -> Box<dyn Read + Send> {
        match self {
            Source::File { file, directory, .. } => {
                Box::new(FileReader::with_reads(file, Arc::clone(&directory.reads)).at(offset))
            }
            Source::Bytes(bytes) => {
                let mut cursor = Cursor::new(bytes);
                cursor.set_position(offset);
                Box::new(cursor)
            }
        }
    }

    /// Its bytes, from the first one.
    pub(super) fn into_reader(self) -> Box<dyn Read + Send> {
        match self {
            Source::File {
                file,
                directory,
                direct_bytes,
            } => {
                let (direct, reads) = (Arc::clone(&directory.direct), Arc::clone(&directory.reads));
                match direct_bytes {
                    Some(at_once) => Box::new(DirectReader::new(file, at_once, direct, reads)),
                    None => Box::new(FileReader::with_reads(file, reads)),
                }
            }
            Source::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        }
    }
}

impl Directory {
    /// A file here, which may be open already, for direct reads by nobody else; `None` if it must be read otherwise.
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
