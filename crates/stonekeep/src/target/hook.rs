//! A hook that sees every operation of a [`super::TargetDisk`].

use std::fmt;

use super::path::TargetPath;
use crate::Result;

/// An operation that changes something at the target, with the place that it is about.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TargetOperation<'a> {
    /// A directory is made, unless it exists.
    MakeDirectory(&'a TargetPath),
    /// A new file is written.
    Write {
        /// Its place.
        at: &'a TargetPath,
        /// How many bytes it is to have; 0 where that is not known.
        expected_bytes: u64,
    },
    /// A file gets a second name.
    Duplicate {
        /// Its place.
        from: &'a TargetPath,
        /// The second one.
        to: &'a TargetPath,
    },
    /// A file is moved to a free place.
    Rename {
        /// Its place.
        from: &'a TargetPath,
        /// The new one.
        to: &'a TargetPath,
    },
    /// A file is moved to a place where another one may be.
    Replace {
        /// Its place.
        from: &'a TargetPath,
        /// The new one.
        to: &'a TargetPath,
    },
    /// A file is removed.
    Remove(&'a TargetPath),
    /// An empty directory is removed.
    RemoveDirectory(&'a TargetPath),
    /// The names in a directory are made durable.
    SyncDirectory(&'a TargetPath),
}

/// Runs the operations on a target in place of the disk, for tests that stop or fail some of them.
pub trait TargetHook: fmt::Debug + Send + Sync {
    /// Carries out an operation: `act` does it on the disk.
    ///
    /// # Errors
    /// Those of `act`, and what the hook makes up.
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()>;

    /// Makes the content of these files durable: `act` does it on the disk. True if all names below the roots of these
    /// files are durable, too.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn sync_files(&self, files: &[TargetPath], act: &mut dyn FnMut() -> Result<bool>) -> Result<bool>;

    /// How many bytes are free on a file system that has this many.
    fn free_bytes(&self, on_disk: u64) -> u64;
}
