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
    Detail, Durability, Entry, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, Store, StoreTraits, Upload, new_pin_name,
};
use crate::{Clock, Error, ErrorKind, Result, SystemClock, Warning};

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

    fn put(
        &self,
        _: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put> {
        let inode = match content {
            PutContent::Bytes(bytes) => {
                drop(self.made()?);
                self.inode(bytes.to_vec())
            }
            PutContent::CopyOf(from) => self.file(from)?,
        };
        let mut contents = self.made()?;
        let put = match contents.file(key) {
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Put::Taken),
            there => match there? {
                Some(there) if mode == PutMode::IfAbsent && there.bytes() == inode.bytes() => Put::Same,
                Some(_) if mode == PutMode::IfAbsent => return Ok(Put::Taken),
                _ => Put::Done,
            },
        };
        if put == Put::Done {
            contents.files.insert(key.clone(), inode);
        }
        if durability == Durability::Durable {
            contents.sync_content(key)?;
            contents.sync_names(key.parent().as_ref());
        }
        Ok(put)
    }

    fn upload(&self, run: &str, key: &Key, content: &mut dyn Read, _expected_bytes: u64) -> Result<Upload> {
        let place = staged_key(run, key)?;
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error| Error::of_content(key, error))?;
        let size_bytes = bytes.len() as u64;
        self.made()?.files.insert(place, self.inode(bytes));
        Ok(Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes,
        })
    }

    fn resume(&self, upload: &Upload, run: &str, content: &mut dyn Read, _: u64) -> Result<Upload> {
        let from = staged_key(&upload.run, &upload.key)?;
        let mut bytes = self.file(&from)?.bytes().to_vec();
        let kept = usize::try_from(upload.size_bytes).unwrap_or(usize::MAX);
        if bytes.len() < kept {
            return Err(Error::corrupt(
                from.as_str(),
                "it is shorter than was written down",
            ));
        }
        bytes.truncate(kept);
        let mut content = (&*bytes).chain(content);
        let resumed = self.upload(run, &upload.key, &mut content, 0)?;
        if run != upload.run {
            self.made()?.files.remove(&from);
        }
        Ok(resumed)
    }

    fn upload_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Upload>> {
        Ok(None)
    }

    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        self.open(&staged_key(&upload.run, &upload.key)?)
    }

    fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Vec<(Upload, Key)>> {
        let mut contents = self.made()?;
        let mut taken = Vec::new();
        for (upload, key) in uploads {
            let place = staged_key(&upload.run, &upload.key)?;
            if durability == Durability::Durable {
                contents.sync_content(&place)?;
            }
            let is_finished = match mode {
                PutMode::IfAbsent => contents.move_file(&place, &key)?,
                PutMode::Replace => contents.replace_file(&place, &key).map(|()| true)?,
            };
            if !is_finished {
                taken.push((upload, key));
            } else if durability == Durability::Durable {
                contents.sync_names(key.parent().as_ref());
            }
        }
        Ok(taken)
    }

    fn persist(&self, what: Persist<'_>) -> Result<()> {
        let mut contents = self.made()?;
        let files = match what {
            Persist::Uploads(uploads) => {
                let places = uploads.iter().map(|it| staged_key(&it.run, &it.key));
                places.collect::<Result<Vec<Key>>>()?
            }
            Persist::Files(keys) => keys.to_vec(),
            Persist::Names(directories) => {
                directories.iter().for_each(|it| contents.sync_names(Some(it)));
                return Ok(());
            }
        };
        for key in files {
            contents.sync_content(&key)?;
            contents.sync_names(key.parent().as_ref());
        }
        Ok(())
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        let contents = self.lock();
        let runs = contents.list(Some(&Key::new(STAGING)?))?.into_iter();
        runs.map(|entry| {
            let uploads = contents.uploads(&entry.name)?;
            let run = entry.name;
            Ok(Leftover { run, uploads })
        })
        .collect()
    }

    fn discard(&self, run: &str) -> Result<()> {
        let directory = area_key(run)?;
        self.lock().remove_below(&directory);
        Ok(())
    }

    fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        let mut contents = self.lock();
        let mut left = Vec::new();
        for key in keys {
            if contents.is_directory(key) {
                let error = Error::refused(format!("{key} is a directory that is not empty"));
                let key = key.clone();
                left.push(NotDeleted { key, error });
            } else {
                contents.files.remove(key);
            }
        }
        left
    }

    fn lease(&self, wait: LockWait, holder: &str, should_stop: &dyn Fn() -> bool) -> Result<Box<dyn Lease>> {
        let got = wait_for(wait, &*self.clock, should_stop, || {
            Ok(self.made()?.take_lock(holder))
        })?;
        match got {
            Some(token) => Ok(Box::new(LockGuard::new(self.contents.clone(), token))),
            None => Err(locked(&self.place.display, &self.lock().lock_holder())),
        }
    }

    fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        let (key, inode) = (directory.join(&new_pin_name())?, self.inode(content.to_vec()));
        let mut contents = self.made()?;
        contents.files.insert(key.clone(), inode.clone());
        contents.pins.insert(key.clone(), inode.clone());
        drop(contents);
        let lease = PinGuard::new(self.contents.clone(), key.clone(), inode);
        Ok((key, Box::new(lease)))
    }

    fn sweep_pin(&self, key: &Key) -> Result<PinState> {
        let mut contents = self.lock();
        contents.file(key)?;
        if contents.pins.contains_key(key) {
            return Ok(PinState::Held);
        }
        contents.files.remove(key);
        Ok(PinState::Removed)
    }
}
