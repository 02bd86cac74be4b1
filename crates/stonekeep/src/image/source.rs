//! The contract between a source of images and the engine that backs them up.

use std::path::PathBuf;

use stonekeep_format::FileNumber;

use super::database_image::{DatabaseImage, ImageFile};
use crate::{Error, ErrorKind, Finding, Observer, Result};

/// What an image of a database is taken of: a directory at rest, a checkpoint, a live handle.
pub trait ImageSource: Send + Sync {
    /// What it is and where, for messages.
    fn describe(&self) -> String;

    /// The database's directory, then its further ones as far as they are known before the capture, so that an engine can
    /// refuse a repository that lies where it must not. Empty if the database is in no directory.
    fn directories(&self) -> Vec<PathBuf>;

    /// Takes the image for this host, or for [`NoHost`](super::NoHost).
    ///
    /// # Errors
    /// `Corrupt` with all findings where files are missing or damaged, `Unsupported` where a newer RocksDB wrote them,
    /// `Refused` where a process has the database open and this source cannot cope with that.
    fn capture(&self, host: &mut dyn CaptureHost, observer: &dyn Observer) -> Result<Box<dyn Capture>>;
}

/// An image with whatever keeps it readable.
pub trait Capture: Send + Sync {
    /// The image.
    fn image(&self) -> &DatabaseImage;

    /// Called when every byte has been copied: whether what was copied is one state.
    ///
    /// # Errors
    /// `Refused` if the source changed meanwhile; one that [says so](crate::Error::is_source_changed) is captured again.
    fn confirm(&self) -> Result<()>;
}

/// The engine, as a source sees it.
///
/// A source of many files need not hold them all: it asks which ones are [needed](CaptureHost::needed), lets the
/// engine [take](CaptureHost::take) a part of them before the image is complete, and holds only the rest. Files that are
/// not needed, or taken, are in the image all the same, with [`super::Content::In`]; the engine does not look there.
pub trait CaptureHost {
    /// 1, and one more whenever the source has to be captured again because it
    /// [changed](crate::Error::is_source_changed) while it was copied.
    fn attempt(&self) -> u32;

    /// Whether a change after this attempt fails the backup.
    fn is_last_attempt(&self) -> bool;

    /// Whether a database that this process has open is to flush its memtables first (`flush_before_backup`).
    fn flush_before_backup(&self) -> bool {
        false
    }

    /// The number of threads that the source may use at the same time.
    fn workers(&self) -> usize {
        usize::MAX
    }

    /// Asked before anything is taken.
    ///
    /// # Errors
    /// `Refused` if the repository holds backups of another database.
    fn check_database(&mut self, database_id: Option<&str>) -> Result<()>;

    /// Which of these tables and blobs the image must hold readable. The others are stored; they are not opened to
    /// know it, and may vanish from now on.
    ///
    /// # Errors
    /// Those of reading the repository.
    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>>;

    /// Told what is wrong with the files of a database at rest, if anything is. If it says yes, the capture goes on, and the image
    /// lacks the files that cannot be part of it.
    fn passes_over(&mut self, damaged: &[Finding]) -> bool {
        let _ = damaged;
        false
    }

    /// Whether [`Self::take`] does anything.
    fn takes_early(&self) -> bool;

    /// Copies tables and blobs at once; they may vanish afterwards. Returns the numbers of those that turned out shorter
    /// than they should be: a slow deletion has begun, and the database's next state does not name them.
    ///
    /// # Errors
    /// Those of copying; `Unsupported` if this host [takes nothing early](Self::takes_early).
    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>>;
}

/// No engine: for an image that is only inspected.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl CaptureHost for NoHost {
    fn attempt(&self) -> u32 {
        1
    }

    fn is_last_attempt(&self) -> bool {
        true
    }

    fn check_database(&mut self, _: Option<&str>) -> Result<()> {
        Ok(())
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        Ok(vec![true; files.len()])
    }

    fn takes_early(&self) -> bool {
        false
    }

    fn take(&mut self, _: &[ImageFile]) -> Result<Vec<FileNumber>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this host cannot copy files early",
        ))
    }
}
