//! What holds a memory store's lock or one of its pins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::contents::{Contents, Inode};
use crate::store::Key;
use crate::store::contract::Lease;
use crate::{Error, ErrorKind, Result};

/// Holds the lock until it is dropped, or the power fails.
#[derive(Debug)]
pub(super) struct LockGuard {
    contents: Arc<Mutex<Contents>>,
    token: u64,
}

impl LockGuard {
    pub(super) fn new(contents: Arc<Mutex<Contents>>, token: u64) -> Self {
        LockGuard { contents, token }
    }
}

impl Lease for LockGuard {
    fn valid_for(&self) -> Result<Duration> {
        if open(&self.contents).has_lock(self.token) {
            Ok(Duration::MAX)
        } else {
            Err(Error::new(
                ErrorKind::Locked,
                "the lock of the memory store is lost",
            ))
        }
    }

    fn took_over(&self) -> bool {
        false
    }

    /// The memory forgets the locks of the dead, as the system does.
    fn abandon(self: Box<Self>) {}
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        open(&self.contents).release_lock(self.token);
    }
}

/// Holds a pin until it is dropped, or the power fails.
#[derive(Debug)]
pub(super) struct PinGuard {
    contents: Arc<Mutex<Contents>>,
    key: Key,
    inode: Arc<Inode>,
}

impl PinGuard {
    pub(super) fn new(contents: Arc<Mutex<Contents>>, key: Key, inode: Arc<Inode>) -> Self {
        PinGuard { contents, key, inode }
    }
}

impl Lease for PinGuard {
    fn valid_for(&self) -> Result<Duration> {
        if open(&self.contents).has_pin(&self.key, &self.inode) {
            Ok(Duration::MAX)
        } else {
            Err(Error::new(
                ErrorKind::Locked,
                format!("the pin {} is lost", self.key),
            ))
        }
    }

    fn took_over(&self) -> bool {
        false
    }

    /// The file stays, and nobody holds it.
    fn abandon(self: Box<Self>) {
        open(&self.contents).pins.remove(&self.key);
    }
}

impl Drop for PinGuard {
    fn drop(&mut self) {
        let mut contents = open(&self.contents);
        let held = contents.pins.get(&self.key);
        if !held.is_some_and(|held| Arc::ptr_eq(held, &self.inode)) {
            return;
        }
        if contents.has_pin(&self.key, &self.inode) {
            contents.files.remove(&self.key);
        }
        contents.pins.remove(&self.key);
    }
}

fn open(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}
