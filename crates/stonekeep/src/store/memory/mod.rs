//! A store in memory that forgets on demand what was not made durable.
//!
//! Clones share one store, as processes share a directory; what they hold they hold against each other. It knows two
//! states: what everybody sees, and what a power failure leaves. [`MemoryStore::crash`] goes from the first to the
//! second in the most hurtful way that a file system is allowed to: names come back as they were when their directory
//! was last synced, and a file whose content was never synced is empty.

mod contents;
mod guard;

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::contents::{Contents, Inode, MemoryObject};
use self::guard::{LockGuard, PinGuard};
use super::staging::{STAGING, area_key, staged_key};
use super::waiting::{locked, wait_for};
use super::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use crate::{Clock, Error, IoContext, Result, SystemClock};

/// A store in memory, for tests. See the [module](self).
#[derive(Debug, Clone)]
pub struct MemoryStore {
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
        MemoryStore {
            contents: Arc::default(),
            clock,
        }
    }

    /// The power fails: whatever was not made durable is lost, whoever held a lock or a pin is dead.
    pub fn crash(&self) {
        self.lock().crash();
    }

    /// The power fails just after the file system wrote all names back by itself, so that only unsynced content is lost.
    pub fn crash_after_names(&self) {
        let mut contents = self.lock();
        contents.sync_every_name();
        contents.crash();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn inode(&self, bytes: Vec<u8>) -> Arc<Inode> {
        Arc::new(Inode::new(bytes, self.clock.now()))
    }
}

impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn exists(&self) -> Result<bool> {
        Ok(self.lock().exists)
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        let mut contents = self.lock();
        contents.exists = true;
        contents.exists_durably |= durability == Durability::Durable;
        Ok(())
    }

    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        self.lock().list(directory)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        let found = self.lock().file(key)?;
        Ok(found.map(|inode| inode.stat()))
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        let found = self.lock().file(key)?;
        let inode = found.ok_or_else(|| Error::not_found(format!("{key} is not there")))?;
        Ok(Box::new(MemoryObject(inode)))
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
        let mut bytes = self.read(&from, u64::MAX)?;
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
    ) -> Result<Box<dyn Guard>> {
        let got = wait_for(wait, &*self.clock, should_stop, || {
            Ok(self.made()?.take_lock(holder))
        })?;
        match got {
            Some(token) => Ok(Box::new(LockGuard::new(self.contents.clone(), token))),
            None => Err(locked(&self.location(), &self.lock().lock_holder())),
        }
    }

    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>> {
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

    fn free_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }
}
