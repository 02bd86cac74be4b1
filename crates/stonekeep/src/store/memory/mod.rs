//! A store in memory that forgets on demand what was not made durable.
//!
//! Clones share one store, as processes share a directory; what they hold they hold against each other. It knows two
//! states: what everybody sees, and what a power failure leaves. [`MemoryStore::crash`] goes from the first to the
//! second in the most hurtful way that a file system is allowed to: names come back as they were when their directory
//! was last synced, and a file whose content was never synced is empty.

mod contents;
mod guard;

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::contents::{Contents, Inode, MemoryObject};
use self::guard::{LockGuard, PinGuard};
use super::contract::{Backend, Lease};
use super::staging::{STAGING, area_key, staged_key};
use super::waiting::{locked, wait_for};
use super::{
    Detail, Durability, Entry, Key, LockWait, Object, Parallelism, PinState, Place, Room, Staged, Stat,
    Store, StoreTraits,
};
use crate::{Clock, Error, IoContext, Result, SystemClock, Warning};

/// A store in memory, for tests. See the [module](self).
#[derive(Debug, Clone)]
pub struct MemoryStore {
    store: Store,
    contents: Arc<Mutex<Contents>>,
}

/// What [`MemoryStore`] gives to its [`Store`].
#[derive(Debug)]
struct Memory {
    place: Place,
    contents: Arc<Mutex<Contents>>,
    clock: Arc<dyn Clock>,
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

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        lock(&self.contents)
    }

    /// The contents, for an operation that needs the root to be there.
    fn made(&self) -> Result<MutexGuard<'_, Contents>> {
        let contents = self.lock();
        if contents.exists {
            Ok(contents)
        } else {
            Err(Error::not_found("the memory store has not been made"))
        }
    }

    fn file(&self, key: &Key) -> Result<Arc<Inode>> {
        let found = self.lock().file(key)?;
        found.ok_or_else(|| Error::not_found(format!("{key} is not there")))
    }

    fn inode(&self, bytes: Vec<u8>) -> Arc<Inode> {
        Arc::new(Inode::new(bytes, self.clock.now()))
    }
}

impl Backend for Memory {
    fn place(&self) -> &Place {
        &self.place
    }

    fn traits(&self) -> StoreTraits {
        StoreTraits {
            parallelism: Parallelism::Cores,
            request_bytes: 128 << 10,
            lists_sizes: true,
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn limit_modes(&self, _directory_mode: u32) {}

    fn exists(&self) -> Result<bool> {
        Ok(self.lock().exists)
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        let mut contents = self.lock();
        contents.exists = true;
        contents.exists_durably |= durability == Durability::Durable;
        Ok(())
    }

    fn list(&self, directory: Option<&Key>, _: Detail, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let entries = self.lock().list(directory)?;
        entries.into_iter().for_each(each);
        Ok(())
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let found = self.lock().file(key)?;
        Ok(found.map(|inode| inode.stat()))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        Ok(Box::new(MemoryObject(self.file(key)?)))
    }

    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, _expected_bytes: u64) -> Result<Staged> {
        let place = staged_key(area, key)?;
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error| Error::of_content(key, error))?;
        let size_bytes = bytes.len() as u64;
        self.made()?.files.insert(place, self.inode(bytes));
        Ok(Staged {
            area: area.to_owned(),
            key: key.clone(),
            size_bytes,
        })
    }

    fn extend(
        &self,
        staged: &Staged,
        area: &str,
        content: &mut dyn Read,
        _expected_bytes: u64,
    ) -> Result<Staged> {
        let (from, place) = (
            staged_key(&staged.area, &staged.key)?,
            staged_key(area, &staged.key)?,
        );
        let mut bytes = self.file(&from)?.bytes().to_vec();
        let kept = usize::try_from(staged.size_bytes).unwrap_or(usize::MAX);
        if bytes.len() < kept {
            return Err(Error::corrupt(
                from.as_str(),
                "it is shorter than was written down",
            ));
        }
        bytes.truncate(kept);
        content
            .read_to_end(&mut bytes)
            .map_err(|error| Error::of_content(&staged.key, error))?;
        let size_bytes = bytes.len() as u64;
        let inode = self.inode(bytes);
        let mut contents = self.made()?;
        contents.files.remove(&from);
        contents.files.insert(place, inode);
        Ok(Staged {
            area: area.to_owned(),
            key: staged.key.clone(),
            size_bytes,
        })
    }

    fn stage_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Staged>> {
        Ok(None)
    }

    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        if durability == Durability::Buffered {
            return Ok(());
        }
        let mut contents = self.made()?;
        for file in staged {
            let place = staged_key(&file.area, &file.key)?;
            contents.sync_content(&place)?;
            contents.sync_names(place.parent().as_ref());
        }
        Ok(())
    }

    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        let mut contents = self.made()?;
        let mut taken = Vec::new();
        for (staged, key) in batch {
            let place = staged_key(&staged.area, &staged.key)?;
            if durability == Durability::Durable {
                contents.sync_content(&place)?;
            }
            if !contents.move_file(&place, &key)? {
                taken.push((staged, key));
            } else if durability == Durability::Durable {
                contents.sync_names(key.parent().as_ref());
            }
        }
        Ok(taken)
    }

    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        let mut contents = self.made()?;
        let place = staged_key(&staged.area, &staged.key)?;
        if durability == Durability::Durable {
            contents.sync_content(&place)?;
        }
        contents.replace_file(&place, key)?;
        if durability == Durability::Durable {
            contents.sync_names(key.parent().as_ref());
        }
        Ok(())
    }

    fn areas(&self) -> Result<Vec<String>> {
        let entries = self.lock().list(Some(&Key::new(STAGING)?))?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.lock().staged(area)
    }

    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.open(&staged_key(&staged.area, &staged.key)?)
    }

    fn discard(&self, area: &str) -> Result<()> {
        let directory = area_key(area)?;
        self.lock().remove_below(&directory);
        Ok(())
    }

    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        let mut contents = self.made()?;
        let is_free = contents.copy_file(from, to)?;
        if is_free && durability == Durability::Durable {
            contents.sync_content(to)?;
            contents.sync_names(to.parent().as_ref());
        }
        Ok(is_free)
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        let mut contents = self.lock();
        if contents.is_directory(key) {
            return Err(Error::refused(format!("{key} is a directory that is not empty")));
        }
        Ok(contents.files.remove(key).is_some())
    }

    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        if durability == Durability::Durable {
            let mut contents = self.made()?;
            for directory in directories {
                contents.sync_names(Some(directory));
            }
        }
        Ok(())
    }

    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        if durability == Durability::Durable {
            let mut contents = self.made()?;
            for key in keys {
                contents.sync_content(key)?;
                contents.sync_names(key.parent().as_ref());
            }
        }
        Ok(())
    }

    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Lease>> {
        let got = wait_for(wait, &*self.clock, should_stop, || {
            Ok(self.made()?.take_lock(holder))
        })?;
        match got {
            Some(token) => Ok(Box::new(LockGuard::new(self.contents.clone(), token))),
            None => Err(locked(&self.place.display, &self.lock().lock_holder())),
        }
    }

    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Lease>> {
        let inode = self.inode(content.to_vec());
        let mut contents = self.made()?;
        if contents.file(key)?.is_some() {
            let taken = Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists));
            return taken.context("making", key.as_str().as_ref());
        }
        contents.files.insert(key.clone(), inode.clone());
        contents.pins.insert(key.clone(), inode.clone());
        drop(contents);
        Ok(Box::new(PinGuard::new(self.contents.clone(), key.clone(), inode)))
    }

    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        let mut contents = self.lock();
        contents.file(key)?;
        if contents.pins.contains_key(key) {
            return Ok(PinState::Held);
        }
        contents.files.remove(key);
        Ok(PinState::Removed)
    }
}
