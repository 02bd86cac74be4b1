//! A local store in which another program does something before a chosen operation.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use stonekeep::store::local::LocalStore;
use stonekeep::store::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use stonekeep::{Result, Warning};

/// What the other program does, told the repository.
pub(crate) type Deed = dyn Fn(&Path) + Send + Sync;

/// Counts the operations that look at directories or change something, and lets the other program in once.
pub(crate) struct MeddledStore {
    inner: LocalStore,
    before: usize,
    operations: AtomicUsize,
    deed: Box<Deed>,
}

impl MeddledStore {
    /// The deed is done before the operation of this number, counted from zero.
    pub(crate) fn new(repository: &Path, before: usize, deed: Box<Deed>) -> Self {
        Self {
            inner: LocalStore::new(repository),
            before,
            operations: AtomicUsize::new(0),
            deed,
        }
    }

    /// Whether there were so many operations.
    pub(crate) fn was_meddled_with(&self) -> bool {
        self.operations.load(Ordering::SeqCst) > self.before
    }

    fn store(&self) -> &LocalStore {
        if self.operations.fetch_add(1, Ordering::SeqCst) == self.before
            && let Some(repository) = self.inner.local_root()
        {
            (self.deed)(repository);
        }
        &self.inner
    }
}

impl fmt::Debug for MeddledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Store for MeddledStore {
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
        self.store().list(directory)
    }
    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.inner.stat(key)
    }
    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        self.inner.open(key)
    }
    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.store().stage(area, key, content, expected)
    }
    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.store().extend(staged, area, content, expected)
    }

    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        self.inner.sync(staged, durability)
    }
    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        self.store().publish(batch, durability)
    }
    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.store().replace(staged, key, durability)
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
        self.store().discard(area)
    }
    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        self.store().copy(from, to, durability)
    }
    fn delete(&self, key: &Key) -> Result<bool> {
        self.store().delete(key)
    }
    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_directories(directories, durability)
    }
    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_visible(keys, durability)
    }
    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Guard>> {
        self.inner.exclusive(wait, holder, should_stop)
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
