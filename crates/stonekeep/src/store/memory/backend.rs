//! What a store in memory does for each operation.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::contents::{Contents, Inode, MemoryObject};
use super::guard::{LockGuard, PinGuard};
use crate::store::contract::{Backend, Lease};
use crate::store::promise::Promise;
use crate::store::staging::{RUNS, STAGING, area_key, record_key, run_key, staged_key};
use crate::store::waiting::{locked, wait_for};
use crate::store::{
    Detail, Durability, Entry, Key, Leftover, LockWait, NotDeleted, Object, Parallelism, Persist, PinState,
    Place, Put, PutContent, PutMode, Room, Stat, StoreTraits, SweptUploads, Upload, UploadSweep, Uploads,
    new_pin_name,
};
use crate::{Clock, Error, ErrorKind, Result, Warning};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) place: Place,
    pub(super) contents: Arc<Mutex<Contents>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) uploads: Uploads,
}

pub(super) fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
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

    /// Where a record of a run lies.
    fn record_key(&self, run: &str, name: &Key) -> Result<Key> {
        match self.uploads {
            Uploads::Named => record_key(run, name),
            _ => staged_key(run, name),
        }
    }

    /// Writes an upload here.
    fn write(&self, run: &str, key: &Key, place: Key, content: &mut dyn Read) -> Result<Upload> {
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error| Error::of_content(key, error))?;
        let size_bytes = bytes.len() as u64;
        let inode = self.inode(bytes);
        let mut contents = self.made()?;
        contents.files.insert(place.clone(), inode);
        if self.uploads == Uploads::Named {
            contents.sync_content(&place)?;
            contents.sync_names(place.parent().as_ref());
        }
        Ok(Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes,
        })
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
            uploads: self.uploads,
            lists: true,
        }
    }

    fn parallelism(&self) -> Parallelism {
        Parallelism::Cores
    }

    fn examine(&self, _: &Key, _: &dyn Fn() -> bool) -> Result<Vec<Promise>> {
        Ok(Vec::new())
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

    fn list_below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) -> Result<bool> {
        if self.uploads != Uploads::Named {
            return Ok(false);
        }
        self.lock().files_below(directory, each);
        Ok(true)
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

    fn now(&self) -> Option<SystemTime> {
        None
    }

    fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        _expected_bytes: u64,
        mode: PutMode,
    ) -> Result<Upload> {
        let place = staged_key(run, key)?;
        if self.uploads != Uploads::Named {
            return self.write(run, key, place, content);
        }
        let is_taken = |there: Option<_>| there.is_some() && mode == PutMode::IfAbsent;
        if is_taken(self.lock().file(key)?) {
            return Err(Error::refused(format!("{key} is taken by another object")));
        }
        self.write(run, key, key.clone(), content)
    }

    fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        self.write(run, name, self.record_key(run, name)?, content)
    }

    fn resume(&self, upload: &Upload, run: &str, content: &mut dyn Read, _: u64) -> Result<Upload> {
        if self.uploads != Uploads::Resumable {
            return Err(Error::refused("uploads cannot be resumed here"));
        }
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
        let resumed = self.upload(run, &upload.key, &mut content, 0, PutMode::IfAbsent)?;
        if run != upload.run {
            self.made()?.files.remove(&from);
        }
        Ok(resumed)
    }

    fn upload_clone(&self, _: &str, _: &Key, _: &File, _: u64) -> Result<Option<Upload>> {
        Ok(None)
    }

    fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        self.open(&self.record_key(&upload.run, &upload.key)?)
    }

    fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Vec<(Upload, Key)>> {
        let mut contents = self.made()?;
        let mut taken = Vec::new();
        if self.uploads == Uploads::Named {
            return require_named(&contents, &uploads).map(|()| taken);
        }
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
                if self.uploads == Uploads::Named {
                    return Ok(());
                }
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
        let areas = match self.uploads {
            Uploads::Named => RUNS,
            _ => STAGING,
        };
        let runs = contents.list(Some(&Key::new(areas)?))?.into_iter();
        runs.map(|entry| {
            let area = Key::new(areas)?.join(&entry.name)?;
            Ok(Leftover {
                uploads: contents.uploads(&entry.name, &area)?,
                last_written: contents
                    .last_written(&area)
                    .filter(|_| self.uploads != Uploads::Named),
                run: entry.name,
                doubtful: Vec::new(),
            })
        })
        .collect()
    }

    fn discard(&self, run: &str) -> Result<()> {
        let directory = match self.uploads {
            Uploads::Named => run_key(run)?,
            _ => area_key(run)?,
        };
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

    fn require_collectable(&self) -> Result<()> {
        Ok(())
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

    /// There are no such uploads.
    fn sweep_uploads(&self, _: Duration, _: UploadSweep) -> Result<SweptUploads> {
        Ok(SweptUploads::default())
    }

    fn sweep_pin(&self, key: &Key, _: &dyn Fn() -> bool) -> Result<PinState> {
        let mut contents = self.lock();
        contents.file(key)?;
        if contents.pins.contains_key(key) {
            return Ok(PinState::Held);
        }
        contents.files.remove(key);
        Ok(PinState::Removed)
    }
}

/// Uploads that have their keys already can be finished under these only.
fn require_named(contents: &Contents, uploads: &[(Upload, Key)]) -> Result<()> {
    for (upload, key) in uploads {
        if upload.key != *key {
            return Err(Error::refused(format!(
                "{} has been uploaded, and cannot be renamed to {key}",
                upload.key
            )));
        }
        if contents.file(key)?.is_none() {
            return Err(Error::not_found(format!("{key} is not there")));
        }
    }
    Ok(())
}
