//! Where a drill restores to, and where it must not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::store::Store;
use crate::{Error, IoContext, Result};

/// Where a drill restores to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrillPlace {
    /// Into a new directory in this one, which is removed at the end.
    Scratch(PathBuf),
    /// Into this directory, which is absent or empty, and stays with the database.
    Keep(PathBuf),
}

/// D0, except for what others have left.
///
/// # Errors
/// `NotFound` if it is not there, `InvalidArgument` if it is no directory, `Refused` in the repository or in a database.
pub(super) fn require_scratch(store: &Store, scratch: &Path) -> Result<()> {
    let is_directory = fs::metadata(scratch).map(|metadata| metadata.is_dir());
    if !is_directory.context("looking at", scratch)? {
        return Err(Error::invalid(format!("{} is no directory", scratch.display())));
    }
    require_outside(store, scratch)?;
    let real = fs::canonicalize(scratch).context("looking at", scratch)?;
    for above in real.ancestors() {
        if above.join("CURRENT").symlink_metadata().is_ok() {
            let message = format!("{} lies in the database {}", scratch.display(), above.display());
            return Err(Error::refused(message).with_hint("name a scratch directory that is in no database"));
        }
    }
    Ok(())
}

/// # Errors
/// `Refused` for a directory in the repository.
pub(super) fn require_outside(store: &Store, directory: &Path) -> Result<()> {
    store.require_outside(directory, "the directory of the drill")
}
