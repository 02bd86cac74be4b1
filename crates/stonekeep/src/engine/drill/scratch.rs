//! The directory of a drill in a scratch directory: who owns it, and what is left of killed drills.
//!
//! ```text
//! <scratch>/stonekeep-drill-<random>/
//!   stonekeep-drill     the marker: a line, and a flock as long as the drill lives
//!   database/           what is restored
//! ```
//!
//! A directory of such a name that the same user owns, with a marker whose lock is free, belongs to a drill that was killed, and is removed with all that is in
//! it. One without a marker is removed only if it is empty: a drill that was killed before it made its marker leaves such a one. Nothing
//! else is touched. A drill that finds its directory or its marker gone before it holds the lock takes another name.

use std::fs::{self, DirBuilder, DirEntry, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::geteuid;

use crate::store::new_pin_name;
use crate::{Error, IoContext, Result, Warning, WarningName};

const PREFIX: &str = "stonekeep-drill-";
const MARKER: &str = "stonekeep-drill";
/// What the marker says.
const LINE: &[u8] = b"stonekeep drill: removed by its drill, or by the next one\n";
const DATABASE: &str = "database";

/// Others may see no more of the database than of the repository; nobody but the owner needs this one.
const MODE: u32 = 0o700;

/// How often another name is tried.
const ATTEMPTS: u32 = 8;

/// The directory of a drill that is under way. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// Locked.
    marker: File,
    is_removed: bool,
}

impl Scratch {
    /// D1.
    ///
    /// # Errors
    /// I/O errors; `Refused` where the file system has no locks.
    pub(super) fn make(scratch: &Path) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = scratch.join(format!("{PREFIX}{}", new_pin_name()));
            DirBuilder::new()
                .mode(MODE)
                .create(&path)
                .context("making", &path)?;
            match mark(&path) {
                Ok(Some(marker)) => {
                    return Ok(Scratch {
                        path,
                        marker,
                        is_removed: false,
                    });
                }
                // Another drill took it for one of a dead process.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    drop(fs::remove_file(path.join(MARKER)));
                    drop(fs::remove_dir(&path));
                    return Err(error).context("marking", &path);
                }
            }
        }
        let message = format!("other drills remove what is made in {}", scratch.display());
        Err(Error::refused(message))
    }

    /// Where the database goes.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// D5: removes everything; what stays is left to the next drill, with a warning.
    pub(super) fn remove(mut self) -> Option<Warning> {
        self.is_removed = true;
        let error = remove(&self.path).err()?;
        let (about, message) = (
            self.path.display().to_string(),
            format!("could not be removed: {error}"),
        );
        Some(Warning::about(WarningName::NotCleanedUp, about, message))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_removed
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the directory of a drill stays");
        }
        // A child that has just been forked may still have the descriptor.
        if let Err(error) = flock(&self.marker, FlockOperation::Unlock) {
            tracing::debug!(%error, "the lock of a drill ends when its file is closed");
        }
    }
}

/// Makes the marker and locks it; `None` if it was removed meanwhile.
fn mark(path: &Path) -> io::Result<Option<File>> {
    let marker = path.join(MARKER);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&marker)?;
    file.write_all(LINE)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    Ok((file.metadata()?.nlink() > 0).then_some(file))
}

/// The marker last, so that an interrupted removal can be repeated.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.join(DATABASE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::remove_file(path.join(MARKER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(path)
}

/// Removes what killed drills have left in a scratch directory; the names of what is gone.
///
/// # Errors
/// I/O errors of listing it. What cannot be removed stays.
pub(super) fn remove_dead(scratch: &Path) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(scratch).context("reading", scratch)? {
        let entry = entry.context("reading", scratch)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) || !is_own_directory(&entry) {
            continue;
        }
        match remove_if_dead(&entry.path()) {
            Ok(true) => removed.push(name),
            Ok(false) => {}
            Err(error) => tracing::warn!(%name, %error, "what a killed drill has left stays"),
        }
    }
    removed.sort();
    Ok(removed)
}

/// Another user could put a link in the place of a directory while that is being removed.
fn is_own_directory(entry: &DirEntry) -> bool {
    let user = geteuid().as_raw();
    entry
        .metadata()
        .is_ok_and(|about| about.is_dir() && about.uid() == user)
}

fn remove_if_dead(path: &Path) -> io::Result<bool> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path.join(MARKER));
    let mut marker = match opened {
        Ok(marker) => marker,
        // It is empty, or none of ours.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fs::remove_dir(path).is_ok()),
        Err(error) => return Err(error),
    };
    if !marker.metadata()?.is_file() {
        return Ok(false);
    }
    match flock(&marker, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    }
    let mut line = Vec::new();
    (&mut marker).take(LINE.len() as u64 + 1).read_to_end(&mut line)?;
    // A drill that was killed while it wrote its marker has made nothing else.
    let is_begun = LINE.starts_with(&line) && !path.join(DATABASE).exists();
    if line != LINE && !is_begun {
        return Ok(false);
    }
    remove(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_drill_left_goes_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path();
        let live = Scratch::make(scratch).unwrap();
        fs::create_dir_all(live.database().join("deep")).unwrap();
        let dead = |name: &str, line: &[u8]| {
            let path = scratch.join(format!("{PREFIX}{name}"));
            fs::create_dir_all(path.join("database/deep")).unwrap();
            fs::write(path.join("database/deep/000001.sst"), "x").unwrap();
            fs::write(path.join(MARKER), line).unwrap();
        };
        dead("dead", LINE);
        dead("foreign", b"something else\n");
        dead("of-others", LINE);
        let of_others = scratch.join(format!("{PREFIX}of-others"));
        if !geteuid().is_root() {
            fs::remove_dir_all(&of_others).unwrap();
        } else {
            std::os::unix::fs::chown(&of_others, Some(12_345), None).unwrap();
        }
        fs::create_dir(scratch.join(format!("{PREFIX}empty"))).unwrap();
        fs::create_dir(scratch.join(format!("{PREFIX}begun"))).unwrap();
        fs::write(scratch.join(format!("{PREFIX}begun/{MARKER}")), &LINE[..9]).unwrap();
        fs::create_dir_all(scratch.join(format!("{PREFIX}unmarked/database"))).unwrap();
        fs::write(scratch.join(format!("{PREFIX}file")), "x").unwrap();
        fs::create_dir_all(scratch.join("mine/database")).unwrap();
        fs::write(scratch.join("mine").join(MARKER), LINE).unwrap();
        std::os::unix::fs::symlink("mine", scratch.join(format!("{PREFIX}link"))).unwrap();
        let removed = remove_dead(scratch).unwrap();
        let names = ["begun", "dead", "empty"].map(|name| format!("{PREFIX}{name}"));
        assert_eq!(removed, names);
        for stays in ["foreign/database", "unmarked/database", "file", "link/database"] {
            assert!(scratch.join(format!("{PREFIX}{stays}")).exists(), "{stays}");
        }
        assert_eq!(of_others.exists(), geteuid().is_root());
        assert!(scratch.join("mine/database").exists() && live.database().join("deep").exists());
        let path = live.path.clone();
        assert_eq!(live.remove(), None);
        assert!(!path.exists());
        drop(Scratch::make(scratch).unwrap());
        assert_eq!(remove_dead(scratch).unwrap(), [""; 0]);
    }
}
