//! Whether the files that come back belong to the user who is likely to run the database.

use rustix::fs::Stat;
use rustix::io::Errno;

use super::listing::TargetListing;
use crate::target::{CURRENT, TargetDirectories, TargetDirectory};
use crate::{IoContext, Result, Warning, WarningName};

const ROOT: u32 = 0;

/// A warning where the restored files are going to have another owner than the old ones, or belong to root inside a place
/// that belongs to somebody else.
pub(super) fn warn(targets: &TargetDirectories, listing: &TargetListing) -> Result<Option<Warning>> {
    let target = targets.db();
    let user = rustix::process::geteuid();
    let Some(directory) = look(target, "")? else {
        // It gets the owner of the directory above it, if root makes it.
        return Ok(None);
    };
    // When root restores, files get the owner of the directory.
    let new = if user.is_root() {
        directory.st_uid
    } else {
        user.as_raw()
    };
    let old = if listing.is_file(CURRENT) {
        look(target, CURRENT)?
    } else {
        None
    };
    let expected = match old {
        Some(old) => old.st_uid,
        None if new != directory.st_uid => directory.st_uid,
        None if new == ROOT => look(target, "..")?.map_or(new, |above| above.st_uid),
        None => new,
    };
    if new == expected {
        return Ok(None);
    }
    let whose = match old {
        Some(_) => "the old ones to",
        None => "the place that they are in to",
    };
    let message = format!(
        "the restored files belong to user {new}, {whose} user {expected}: the user who runs the database may not be able \
         to open it; change the owner of the directory and all that is in it"
    );
    Ok(Some(Warning::about(
        WarningName::Owner,
        target.path().display().to_string(),
        message,
    )))
}

/// The status of the directory, or of a name in it.
fn look(target: &TargetDirectory, name: &str) -> Result<Option<Stat>> {
    let path = target.path().join(name);
    match rustix::fs::stat(&path) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno).context("looking at", &path),
    }
}
