//! What an image is taken of, and what keeps the image readable.

use std::path::PathBuf;

use super::database_image::DatabaseImage;
use super::host::CaptureHost;
use crate::{Observer, Result};

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
