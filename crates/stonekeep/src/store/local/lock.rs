//! The writer's lock: `flock` on the regular file `stonekeep/lock`.
//!
//! `flock` belongs to the open descriptor, so it excludes two stores in one process as well as two processes, and the
//! kernel releases it when its holder dies. The file is opened for writing, because NFS forwards the lock only then,
//! and stays when the lock is released: were it removed, one process could lock the old file and another a new
//! one. Against somebody who removes it nevertheless, the name is compared with the descriptor after locking, and
//! again by [`Guard::check`]. Who holds the lock stands in the file, for messages only, unless the file has a second name: what
//! somebody else keeps under that name is not to be changed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::other_door;
use crate::disk::Place;
use crate::disk::tree::Tree;
use crate::store::contract::Lease;
use crate::store::waiting::{locked, wait_for};
use crate::store::{Key, LockWait};
use crate::{Clock, Error, ErrorKind, Result};

const LOCK: &str = "stonekeep/lock";
const HOLDER_LIMIT_BYTES: usize = 256;

/// Holds the lock until it is dropped.
#[derive(Debug)]
struct LockGuard {
    place: Place,
    file: File,
}

/// Takes the lock, or says who has it.
pub(super) fn take(
    tree: &Tree,
    clock: &dyn Clock,
    wait: LockWait,
    holder: &str,
    should_stop: &dyn Fn() -> bool,
) -> Result<Box<dyn Lease>> {
    let place = tree.make_place(&Key::trusted(LOCK))?;
    match wait_for(wait, clock, should_stop, || attempt(&place))? {
        Some(file) => {
            other_door::require_closed(tree, clock)?;
            write_holder(&file, holder);
            Ok(Box::new(LockGuard { place, file }))
        }
        None => Err(locked(
            &tree.root_path().display().to_string(),
            &read_holder(&place),
        )),
    }
}

fn attempt(place: &Place) -> Result<Option<File>> {
    loop {
        let file = match place.create()? {
            Some(file) => file,
            None => match place.open(OFlags::RDWR)? {
                Some(file) => file,
                None => continue,
            },
        };
        if !try_flock(&file, place)? {
            return Ok(None);
        }
        if place.is(&file)? {
            return Ok(Some(file));
        }
    }
}

/// Locks an open file without waiting; whether nobody else has it locked.
pub(super) fn try_flock(file: &File, place: &Place) -> Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(no_locks(place, errno)),
    }
}

/// What a failed `flock` means.
pub(super) fn no_locks(place: &Place, errno: Errno) -> Error {
    match errno {
        Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK => {
            let message = format!("the file system cannot lock {}", place.path().display());
            Error::new(ErrorKind::Unsupported, message).with_source(io::Error::from(errno))
        }
        errno => Error::io(format!("locking {}", place.path().display()), errno.into()),
    }
}

/// A full disk must not keep anybody from taking the lock, since deleting needs it.
fn write_holder(file: &File, holder: &str) {
    if !has_one_name(file) {
        return;
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all_at(holder.as_bytes(), 0));
    if let Err(error) = written {
        tracing::debug!(%error, "the lock does not say who holds it");
    }
}

/// Whether there is no hard link to it.
fn has_one_name(file: &File) -> bool {
    file.metadata().is_ok_and(|attributes| attributes.nlink() == 1)
}

/// The first line of what stands in the lock, as far as it can be shown.
fn read_holder(place: &Place) -> String {
    let mut buffer = [0; HOLDER_LIMIT_BYTES];
    let count = match place.open(OFlags::RDONLY) {
        Ok(Some(file)) => file.read_at(&mut buffer, 0).unwrap_or(0),
        _ => 0,
    };
    let text = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
    let line = text.lines().next().unwrap_or_default();
    line.replace(char::is_control, "?")
}

impl Lease for LockGuard {
    fn valid_for(&self) -> Result<Duration> {
        if self.place.is(&self.file)? {
            return Ok(Duration::MAX);
        }
        let message = format!("{} was removed while it was locked", self.place.path().display());
        Err(Error::new(ErrorKind::Locked, message)
            .with_hint("another process may have taken the lock meanwhile; run this again"))
    }

    fn took_over(&self) -> bool {
        false
    }

    /// The system releases the locks of the dead.
    fn abandon(self: Box<Self>) {}
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if has_one_name(&self.file)
            && let Err(error) = self.file.set_len(0)
        {
            tracing::debug!(%error, "the lock still names its last holder");
        }
        // Closing alone would leave it to a child that another thread has just forked, until it runs its program.
        if let Err(error) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            tracing::debug!(%error, "the lock is released by closing it");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Store;
    use crate::store::local::LocalStore;

    #[test]
    fn what_has_the_lock_as_its_second_name_is_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let (root, other) = (directory.path().join("repo"), directory.path().join("other"));
        fs::create_dir_all(root.join("stonekeep")).unwrap();
        fs::write(&other, "mine").unwrap();
        fs::hard_link(&other, root.join(LOCK)).unwrap();
        let store = Store::from(LocalStore::new(root.clone()));
        let held = store.lease(LockWait::Fail, "a holder", &|| false).unwrap();
        let refused = store.lease(LockWait::Fail, "another", &|| false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked);
        drop(held);
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        // With one name it says who has it.
        fs::remove_file(&other).unwrap();
        let held = store.lease(LockWait::Fail, "a holder", &|| false).unwrap();
        assert_eq!(fs::read_to_string(root.join(LOCK)).unwrap(), "a holder");
        drop(held);
        assert_eq!(fs::read_to_string(root.join(LOCK)).unwrap(), "");
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_one_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree::new(directory.path().to_owned());
        let place = tree.make_place(&Key::trusted(LOCK)).unwrap();
        let path = directory.path().join(LOCK).display().to_string();
        for errno in [Errno::NOTSUP, Errno::NOSYS, Errno::NOLCK] {
            let error = no_locks(&place, errno);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{errno}");
            assert_eq!(error.to_string(), format!("the file system cannot lock {path}"));
        }
        let error = no_locks(&place, Errno::IO);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), format!("locking {path}"));
        // Nobody is named by a lock that is gone.
        assert_eq!(read_holder(&place), "");
    }
}
