//! Pins: visible files that are locked as long as their holder is alive.
//!
//! - Made: create the file, `flock` it, look whether the name still is this file (a collector may have been
//!   quicker; then again), write the content. A thread touches the file every minute. Where none can
//!   be started, other machines take the pin for dead after an hour, and the reader notices as if it had none.
//! - Let go: unlink, then close, so that no collector ever finds it unlocked.
//! - Collected: `flock` without waiting. Refused: its holder is alive. Got: unlink while holding it, so that no one
//!   can come to hold a name that is about to go. Processes are never looked up by their id: from another pid
//!   namespace, a live one looks dead.
//! - A pin from elsewhere (see [`crate::store::new_pin_name`]) that can be locked may still be alive, if the file
//!   system does not carry locks from machine to machine: it stays until it has not been touched for an hour.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, Timespec, Timestamps, UTIME_NOW};

use super::lock::{no_locks, try_flock};
use crate::disk::Place;
use crate::disk::tree::{self, Tree};
use crate::parallel::thread_or_none;
use crate::store::contract::Lease;
use crate::store::pin_name::is_from_here;
use crate::store::{Key, PinState};
use crate::{Clock, Error, ErrorKind, IoContext, Result};

const TOUCHED_EVERY: Duration = Duration::from_secs(60);
const DEAD_AFTER: Duration = Duration::from_secs(3600);

/// Holds a pin until it is dropped.
#[derive(Debug)]
struct PinGuard {
    place: Place,
    file: Arc<File>,
    toucher: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    /// The file stays, unlocked.
    abandoned: bool,
}

/// Makes a pin and holds it.
pub(super) fn make(tree: &Tree, key: &Key, content: &[u8]) -> Result<Box<dyn Lease>> {
    let place = tree.make_place(key)?;
    let file = Arc::new(create_locked(&place)?);
    let mut guard = PinGuard {
        place,
        file: file.clone(),
        toucher: None,
        abandoned: false,
    };
    file.write_all_at(content, 0)
        .context("writing", &guard.place.path())?;
    guard.toucher = thread_or_none(start_toucher(file));
    Ok(Box::new(guard))
}

/// Looks at a pin, and removes it if its holder is dead.
pub(super) fn remove_if_stale(tree: &Tree, clock: &dyn Clock, key: &Key) -> Result<PinState> {
    let Some(place) = tree.find_place(key)? else {
        return Ok(PinState::Removed);
    };
    loop {
        let Some(file) = place.open(OFlags::RDWR)? else {
            return Ok(PinState::Removed);
        };
        if !try_flock(&file, &place)? {
            return Ok(PinState::Held);
        }
        if !place.is(&file)? {
            continue;
        }
        if !is_from_here(key.name()) && was_touched_lately(&file, &place, clock)? {
            return Ok(PinState::Held);
        }
        place.unlink()?;
        return Ok(PinState::Removed);
    }
}

fn create_locked(place: &Place) -> Result<File> {
    loop {
        let Some(file) = place.create()? else {
            let taken = Err(io::Error::from(io::ErrorKind::AlreadyExists));
            return taken.context("making", &place.path());
        };
        // A collector that was quicker unlinks the file at once, so this does not wait for long.
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map_err(|errno| no_locks(place, errno))?;
        if place.is(&file)? {
            return Ok(file);
        }
    }
}

/// A time to come counts as lately: the clocks of two machines differ.
fn was_touched_lately(file: &File, place: &Place, clock: &dyn Clock) -> Result<bool> {
    let stat = rustix::fs::fstat(file).context("looking at", &place.path())?;
    let age = tree::modified(&stat).and_then(|touched| clock.now().duration_since(touched).ok());
    Ok(age.is_none_or(|age| age < DEAD_AFTER))
}

/// Touches the file until the sender is dropped.
fn start_toucher(file: Arc<File>) -> io::Result<(mpsc::Sender<()>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("stonekeep-pin".to_owned())
        .spawn(move || {
            while receiver.recv_timeout(TOUCHED_EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = touch(&file) {
                    tracing::warn!(%error, "a pin could not be touched; other machines may take it for dead");
                }
            }
        })?;
    Ok((sender, thread))
}

fn touch(file: &File) -> rustix::io::Result<()> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    rustix::fs::futimens(file, &times)
}

impl Lease for PinGuard {
    fn valid_for(&self) -> Result<Duration> {
        if self.place.is(&self.file)? {
            return Ok(Duration::MAX);
        }
        let message = format!("the pin {} is lost", self.place.path().display());
        Err(Error::new(ErrorKind::Locked, message))
    }

    fn took_over(&self) -> bool {
        false
    }

    fn abandon(mut self: Box<Self>) {
        self.abandoned = true;
    }
}

impl Drop for PinGuard {
    fn drop(&mut self) {
        let unlinked = match self.place.is(&self.file) {
            Ok(true) if !self.abandoned => self.place.unlink().map(drop),
            other => other.map(drop),
        };
        if let Err(error) = unlinked {
            tracing::warn!(reason = %error.one_line(), "a pin stays behind, as if its holder had died");
        }
        if let Some((sender, thread)) = self.toucher.take() {
            drop(sender);
            // The thread cannot panic, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_makes_a_file_young() {
        let file = tempfile::tempfile().unwrap();
        let modified = || file.metadata().unwrap().modified().unwrap();
        let made = modified();
        file.set_modified(made - DEAD_AFTER).unwrap();
        touch(&file).unwrap();
        assert!(modified() >= made);
    }

    #[test]
    fn a_pin_takes_no_name_that_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let (tree, key) = (
            Tree::new(directory.path().to_owned()),
            Key::trusted("stonekeep/pins/a"),
        );
        let path = directory.path().join(key.as_str());
        std::fs::create_dir_all(directory.path().join("stonekeep/pins")).unwrap();
        std::fs::write(&path, "another's").unwrap();
        let error = make(&tree, &key, b"mine").unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::AlreadyExists));
        assert_eq!(error.to_string(), format!("making {}", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"another's");
    }
}
