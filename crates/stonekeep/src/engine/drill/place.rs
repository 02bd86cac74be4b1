//! Where a drill restores to, and where it must not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::Store;
use crate::target::STAGING;
use crate::{Error, IoContext, Result};

/// What an interrupted restore into an empty directory leaves, and what is in every new file system.
const MAY_BE_THERE: [&str; 3] = [STAGING, "LOCK", "lost+found"];

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
fn require_outside(store: &Store, directory: &Path) -> Result<()> {
    store.require_outside(directory, "the directory of the drill")
}

/// A directory that stays may have nothing but what an earlier run has staged: no database is replaced.
///
/// # Errors
/// `Refused` for a directory in the repository, or with other files.
pub(super) fn require_new(store: &Store, directory: &Path) -> Result<()> {
    require_outside(store, directory)?;
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.context("looking at", directory)?,
    };
    for entry in entries {
        let name = entry.context("looking at", directory)?.file_name();
        if !MAY_BE_THERE.iter().any(|may_be| name == *may_be) {
            let message = format!("{} is not empty: {}", directory.display(), name.display());
            return Err(Error::refused(message)
                .with_hint("a drill replaces no database; name a directory that is not there yet"));
        }
    }
    Ok(())
}
