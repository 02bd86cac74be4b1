//! A store that writes down what it is asked for.
//!
//! Requests make tests of cost ("a second backup makes three requests") and of order: [`RecordStore::durable_before`]
//! tells what would have survived a power failure just before a file appeared.

mod request;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stonekeep::store::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use stonekeep::{Result, Warning};

pub use self::request::Request;
use self::request::durable_before;

/// Wraps a store; clones share one record. See the [module](self).
#[derive(Debug, Clone)]
pub struct RecordStore {
    inner: Arc<dyn Store>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl RecordStore {
    /// A record that is empty.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        RecordStore {
            inner,
            requests: Arc::default(),
        }
    }

    /// Every request that was answered without an error, in the order of the answers.
    pub fn requests(&self) -> Vec<Request> {
        self.record().clone()
    }

    /// The requests as lines, as in `publish meta/1 (Durable)`.
    pub fn lines(&self) -> Vec<String> {
        self.record().iter().map(ToString::to_string).collect()
    }

    /// Forgets all requests so far.
    pub fn clear(&self) {
        self.record().clear();
    }

    /// The visible files that were durable, content and name, when this one appeared; `None` if it never did.
    /// Files from before the record was begun count only if they were synced since.
    pub fn durable_before(&self, key: &Key) -> Option<BTreeSet<Key>> {
        durable_before(&self.record(), key)
    }

    fn record(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, answer: Result<T>, request: impl FnOnce(&T) -> Request) -> Result<T> {
        let answer = answer?;
        self.record().push(request(&answer));
        Ok(answer)
    }
}

impl Store for RecordStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn local_root(&self) -> Option<&Path> {
        self.inner.local_root()
    }

    fn exists(&self) -> Result<bool> {
        self.note(self.inner.exists(), |_| Request::Exists)
    }

    fn limit_modes(&self, directory_mode: u32) {
        self.inner.limit_modes(directory_mode);
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        self.note(self.inner.create_root(durability), |()| {
            Request::CreateRoot(durability)
        })
    }

    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        self.note(self.inner.list(directory), |_| Request::List(directory.cloned()))
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.note(self.inner.stat(key), |_| Request::Stat(key.clone()))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        self.note(self.inner.open(key), |_| Request::Open(key.clone()))
    }

    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected_bytes: u64) -> Result<Staged> {
        let staged = self.inner.stage(area, key, content, expected_bytes);
        self.note(staged, |staged| Request::Stage(staged.clone()))
    }

    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        let extended = self.inner.extend(staged, area, content, expected);
        self.note(extended, |extended| Request::Extend(extended.clone()))
    }

    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        self.note(self.inner.sync(staged, durability), |()| {
            Request::Sync(staged.to_vec(), durability)
        })
    }

    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        let taken = self.inner.publish(batch.clone(), durability);
        self.note(taken, |taken| {
            let moved = batch.into_iter().filter(|file| !taken.contains(file));
            Request::Publish(moved.collect(), durability)
        })
    }

    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.note(self.inner.replace(staged, key, durability), |()| {
            Request::Replace(staged.clone(), key.clone(), durability)
        })
    }

    fn areas(&self) -> Result<Vec<String>> {
        self.note(self.inner.areas(), |_| Request::Areas)
    }

    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.note(self.inner.staged(area), |_| Request::Staged(area.to_owned()))
    }

    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.note(self.inner.open_staged(staged), |_| {
            Request::OpenStaged(staged.clone())
        })
    }

    fn discard(&self, area: &str) -> Result<()> {
        self.note(self.inner.discard(area), |()| Request::Discard(area.to_owned()))
    }

    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        self.note(self.inner.copy(from, to, durability), |is_free| {
            Request::Copy(from.clone(), to.clone(), durability, *is_free)
        })
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        self.note(self.inner.delete(key), |_| Request::Delete(key.clone()))
    }

    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.note(self.inner.sync_directories(directories, durability), |()| {
            Request::SyncDirectories(directories.to_vec(), durability)
        })
    }

    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.note(self.inner.sync_visible(keys, durability), |()| {
            Request::SyncVisible(keys.to_vec(), durability)
        })
    }

    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Guard>> {
        self.note(self.inner.exclusive(wait, holder, should_stop), |_| {
            Request::Exclusive
        })
    }

    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>> {
        self.note(self.inner.pin(key, content), |_| Request::Pin(key.clone()))
    }

    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        self.note(self.inner.remove_if_stale(key), |_| {
            Request::RemoveIfStale(key.clone())
        })
    }

    fn free_bytes(&self) -> Result<Option<u64>> {
        self.note(self.inner.free_bytes(), |_| Request::FreeBytes)
    }

    fn warnings(&self) -> Vec<Warning> {
        self.inner.warnings()
    }
}
