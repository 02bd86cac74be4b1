//! A store in which a foreign program does something at a chosen moment.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use stonekeep::store::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use stonekeep::{Result, Warning};

use crate::support::scene::{key, put};

/// Does something to the repository just before or after a file of this name is published, copied to or deleted, or a directory of
/// this name is listed.
#[derive(Debug)]
pub(crate) struct Meddler {
    inner: Arc<dyn Store>,
    at: Key,
    after: bool,
    deed: Mutex<Option<Deed>>,
}

/// What it does.
pub(crate) enum Deed {
    Delete(String),
    Put(String, Vec<u8>),
    Do(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deed::Delete(_) => "Delete",
            Deed::Put(..) => "Put",
            Deed::Do(_) => "Do",
        })
    }
}

impl Meddler {
    pub(crate) fn store(inner: &Arc<dyn Store>, at: &str, after: bool, deed: Deed) -> Arc<dyn Store> {
        Arc::new(Meddler {
            inner: inner.clone(),
            at: key(at),
            after,
            deed: Mutex::new(Some(deed)),
        })
    }

    fn around<T>(&self, here: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if here && !self.after {
            self.meddle();
        }
        let done = work()?;
        if here && self.after {
            self.meddle();
        }
        Ok(done)
    }

    fn meddle(&self) {
        match self.deed.lock().unwrap().take() {
            Some(Deed::Delete(path)) => assert!(self.inner.delete(&key(&path)).unwrap(), "{path}"),
            Some(Deed::Put(path, bytes)) => put(&self.inner, &path, &bytes),
            Some(Deed::Do(deed)) => deed(),
            None => {}
        }
    }
}

impl Store for Meddler {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn local_root(&self) -> Option<&Path> {
        self.inner.local_root()
    }
    fn exists(&self) -> Result<bool> {
        self.inner.exists()
    }
    fn create_root(&self, durability: Durability) -> Result<()> {
        self.inner.create_root(durability)
    }
    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        let here = directory == Some(&self.at);
        self.around(here, || self.inner.list(directory))
    }
    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.inner.stat(key)
    }
    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        self.inner.open(key)
    }
    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.inner.stage(area, key, content, expected)
    }
    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.inner.extend(staged, area, content, expected)
    }
    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        self.inner.sync(staged, durability)
    }
    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        let here = batch.iter().any(|(_, key)| *key == self.at);
        self.around(here, || self.inner.publish(batch, durability))
    }
    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.inner.replace(staged, key, durability)
    }
    fn areas(&self) -> Result<Vec<String>> {
        self.inner.areas()
    }
    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.inner.staged(area)
    }
    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.inner.open_staged(staged)
    }
    fn discard(&self, area: &str) -> Result<()> {
        // The foreign program's own area is not ours to see.
        self.inner.discard(area)
    }
    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        self.around(*to == self.at, || self.inner.copy(from, to, durability))
    }
    fn delete(&self, key: &Key) -> Result<bool> {
        self.around(*key == self.at, || self.inner.delete(key))
    }
    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_directories(directories, durability)
    }
    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_visible(keys, durability)
    }
    fn exclusive(&self, wait: LockWait, holder: &str, stop: &dyn Fn() -> bool) -> Result<Box<dyn Guard>> {
        self.inner.exclusive(wait, holder, stop)
    }
    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>> {
        self.inner.pin(key, content)
    }
    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        self.inner.remove_if_stale(key)
    }
    fn free_bytes(&self) -> Result<Option<u64>> {
        self.inner.free_bytes()
    }
    fn warnings(&self) -> Vec<Warning> {
        self.inner.warnings()
    }
}
