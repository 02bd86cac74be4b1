//! A locked file by which a process on the same machine sees that the holder of a lease is dead.
//!
//! The file lies in the first of two directories that can be used: `/run/user/<uid>/stonekeep`, then
//! `/tmp/stonekeep-<uid>`. Its device and inode stand in the lease. The system releases the lock when the holder dies,
//! however it dies; a holder that is stopped keeps it. Only that very file proves something: an absent one, or another inode
//! under its name, belongs to another container or to another user.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};

/// Which file it is, on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIdentity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// A file that this process has locked.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
    pub(super) identity: FileIdentity,
}

/// Where the files of this user's leases may lie, best first.
pub(crate) fn directories() -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    vec![
        PathBuf::from(format!("/run/user/{user}/stonekeep")),
        PathBuf::from(format!("/tmp/stonekeep-{user}")),
    ]
}

impl LockFile {
    /// Makes and locks the file of a lease; `None` where no directory can be used.
    pub(super) fn make(directories: &[PathBuf], lease: &str) -> Option<LockFile> {
        directories.iter().find_map(|directory| {
            let made = own_directory(directory).and_then(|()| make_locked(&directory.join(lease)));
            made.inspect_err(|error| {
                tracing::debug!(%error, directory = %directory.display(), "no lock of a lease can be made here");
            })
            .ok()
        })
    }

    /// The file of another process's lease, if it is found and that process is dead.
    pub(super) fn of_the_dead(
        directories: &[PathBuf],
        lease: &str,
        identity: FileIdentity,
    ) -> Option<LockFile> {
        directories
            .iter()
            .find_map(|directory| open_locked(&directory.join(lease), identity).ok().flatten())
    }

    /// Removes the file. It is locked until then.
    pub(super) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the lock of a lease stays behind");
        }
        drop(self.file);
    }
}

/// Makes a directory that only this user can write in, or sees that it is one.
fn own_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = path.symlink_metadata()?;
    let is_own = found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
    if found.is_dir() && is_own {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "another user can write there",
    ))
}

fn make_locked(path: &Path) -> io::Result<LockFile> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    let identity = identity(&file)?;
    Ok(LockFile {
        file,
        path: path.to_owned(),
        identity,
    })
}

fn open_locked(path: &Path, identity_in_lease: FileIdentity) -> io::Result<Option<LockFile>> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(no_follow)
        .open(path)?;
    if identity(&file)? != identity_in_lease {
        return Ok(None);
    }
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(Some(LockFile {
        file,
        path: path.to_owned(),
        identity: identity_in_lease,
    }))
}

fn identity(file: &File) -> io::Result<FileIdentity> {
    let found = file.metadata()?;
    Ok(FileIdentity {
        device: found.dev(),
        inode: found.ino(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_file_of_a_dead_holder_proves_its_death() {
        let parent = tempfile::tempdir().unwrap();
        let directories = [
            parent.path().join("absent/directory"),
            parent.path().join("locks"),
        ];
        let held = LockFile::make(&directories, "lease").unwrap();
        let identity = held.identity;
        let dead = |identity| LockFile::of_the_dead(&directories, "lease", identity);
        assert!(dead(identity).is_none(), "the holder lives");
        drop(held);
        let other = FileIdentity {
            inode: identity.inode + 1,
            ..identity
        };
        assert!(dead(other).is_none(), "another file");
        assert!(LockFile::of_the_dead(&directories, "other", identity).is_none());
        let seized = dead(identity).unwrap();
        assert!(dead(identity).is_none(), "one taker at a time");
        seized.remove();
        assert!(dead(identity).is_none(), "the file is gone");
    }

    #[test]
    fn a_directory_that_others_can_write_in_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let open = parent.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(LockFile::make(&[open, link], "lease").is_none());
    }
}
