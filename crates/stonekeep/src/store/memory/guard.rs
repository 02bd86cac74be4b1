//! What holds a memory store's lock or one of its pins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::{Contents, Inode};
use crate::store::{Guard, Key};
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

impl Guard for LockGuard {
    fn check(&self) -> Result<()> {
        if open(&self.contents).has_lock(self.token) {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Locked,
                "the lock of the memory store is lost",
            ))
        }
    }
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

impl Guard for PinGuard {
    fn check(&self) -> Result<()> {
        if open(&self.contents).has_pin(&self.key, &self.inode) {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Locked,
                format!("the pin {} is lost", self.key),
            ))
        }
    }
}

impl Drop for PinGuard {
    fn drop(&mut self) {
        let mut contents = open(&self.contents);
        if contents.has_pin(&self.key, &self.inode) {
            contents.files.remove(&self.key);
        }
        if contents
            .pins
            .get(&self.key)
            .is_some_and(|held| Arc::ptr_eq(held, &self.inode))
        {
            contents.pins.remove(&self.key);
        }
    }
}

fn open(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}
