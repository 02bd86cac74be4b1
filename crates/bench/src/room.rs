//! Where a run works, and when.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.map_or(0, |time| time.as_secs())
}

/// An empty directory that goes when the run is over.
///
/// # Errors
/// Those of the file system.
pub(crate) fn room(parent: &Path) -> Result<tempfile::TempDir> {
    let context = || format!("making a directory in {}", parent.display());
    fs::create_dir_all(parent).with_context(context)?;
    let parent = parent.canonicalize().with_context(context)?;
    tempfile::Builder::new()
        .prefix("stonekeep-bench-")
        .tempdir_in(parent)
        .with_context(context)
}

/// A program, by its absolute path.
///
/// # Errors
/// If it is not there.
pub(crate) fn found(command: &Path) -> Result<PathBuf> {
    command
        .canonicalize()
        .with_context(|| format!("looking for {}", command.display()))
}
