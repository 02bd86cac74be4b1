//! A store in memory that forgets on demand what was not made durable.
//!
//! Clones share one store, as processes share a directory; what they hold they hold against each other. It knows two
//! states: what everybody sees, and what a power failure leaves. [`MemoryStore::crash`] goes from the first to the
//! second in the most hurtful way that a file system is allowed to: names come back as they were when their directory
//! was last synced, and a file whose content was never synced is empty.

mod backend;
mod chance;
mod contents;
mod guard;

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use self::backend::{Memory, lock};
use self::chance::Chance;
use self::contents::Contents;
use super::{Place, Store, Uploads};
use crate::{Clock, SystemClock};

/// A store in memory, for tests. See the [module](self).
#[derive(Debug, Clone)]
pub struct MemoryStore {
    store: Store,
    contents: Arc<Mutex<Contents>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl MemoryStore {
    /// A store whose root is not there yet.
    pub fn new() -> Self {
        MemoryStore::with_clock(Arc::new(SystemClock))
    }

    /// A store that takes modification times from this clock, and waits by it.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        MemoryStore::build(clock, Uploads::Resumable)
    }

    /// A store whose uploads have their keys at once, as those of object stores.
    pub fn with_named_uploads() -> Self {
        MemoryStore::build(Arc::new(SystemClock), Uploads::Named)
    }

    fn build(clock: Arc<dyn Clock>, uploads: Uploads) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let contents = Arc::<Mutex<Contents>>::default();
        let store = Store::of(Memory {
            place: Place {
                identity: format!("memory:{}", MADE.fetch_add(1, Ordering::Relaxed)),
                display: "memory".to_owned(),
                directory: None,
            },
            contents: Arc::clone(&contents),
            clock,
            uploads,
        });
        MemoryStore { store, contents }
    }

    /// The power fails: whatever was not made durable is lost, whoever held a lock or a pin is dead.
    pub fn crash(&self) {
        lock(&self.contents).crash();
    }

    /// The power fails just after the file system wrote all names back by itself, so that only unsynced content is lost.
    pub fn crash_after_names(&self) {
        let mut contents = lock(&self.contents);
        contents.sync_every_name();
        contents.crash();
    }

    /// The power fails: of what was not made durable, each name and each content is found or not as chance has it, and content may be
    /// torn: cut off, or zeros. The same seed finds the same.
    pub fn crash_by_chance(&self, seed: u64) {
        lock(&self.contents).crash_by_chance(&mut Chance::new(seed));
    }
}

impl Deref for MemoryStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl From<MemoryStore> for Store {
    fn from(memory: MemoryStore) -> Self {
        memory.store
    }
}
