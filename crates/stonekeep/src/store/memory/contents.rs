//! What a memory store holds: what everybody sees beside what is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::chance::Chance;
use crate::store::{Entry, EntryKind, Key, LocalFile, Object, Stat, Upload};
use crate::{Error, Result};

/// A file apart from its names.
#[derive(Debug)]
pub(super) struct Inode {
    bytes: Vec<u8>,
    modified: SystemTime,
    content_durable: AtomicBool,
}

impl Inode {
    pub(super) fn new(bytes: Vec<u8>, modified: SystemTime) -> Self {
        Inode {
            bytes,
            modified,
            content_durable: AtomicBool::new(false),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn stat(&self) -> Stat {
        Stat {
            size_bytes: self.bytes.len() as u64,
            modified: Some(self.modified),
        }
    }

    /// The file as it is after a power failure.
    fn after_crash(self: &Arc<Self>) -> Arc<Inode> {
        if self.content_durable.load(Ordering::SeqCst) {
            self.clone()
        } else {
            Arc::new(Inode::new(Vec::new(), self.modified))
        }
    }

    /// The file as it may be after a power failure.
    fn after_crash_by_chance(self: &Arc<Self>, chance: &mut Chance) -> Arc<Inode> {
        if self.content_durable.load(Ordering::SeqCst) {
            return self.clone();
        }
        let mut bytes = self.bytes.clone();
        match chance.bits(2) {
            0 => bytes.clear(),
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes.fill(0),
            _ => {}
        }
        let found = Inode::new(bytes, self.modified);
        found.content_durable.store(true, Ordering::SeqCst);
        Arc::new(found)
    }
}

/// A file that is open, whatever becomes of its names.
pub(super) struct MemoryObject(pub(super) Arc<Inode>);

impl Object for MemoryObject {
    fn size_bytes(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.size_bytes())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

/// Everything in a memory store.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) exists: bool,
    pub(super) exists_durably: bool,
    pub(super) files: BTreeMap<Key, Arc<Inode>>,
    durable: BTreeMap<Key, Arc<Inode>>,
    lock: Option<(u64, String)>,
    last_token: u64,
    pub(super) pins: BTreeMap<Key, Arc<Inode>>,
}

impl Contents {
    pub(super) fn crash(&mut self) {
        self.exists = self.exists_durably;
        if !self.exists {
            self.durable.clear();
        }
        for inode in self.durable.values_mut() {
            *inode = inode.after_crash();
        }
        self.files = self.durable.clone();
        self.lock = None;
        self.pins.clear();
    }

    /// The same, with any part of what is not durable.
    pub(super) fn crash_by_chance(&mut self, chance: &mut Chance) {
        let keys: BTreeSet<Key> = self.files.keys().chain(self.durable.keys()).cloned().collect();
        for key in keys {
            let (now, durable) = (self.files.get(&key), self.durable.get(&key));
            let is_same = now
                .zip(durable)
                .is_some_and(|(now, durable)| Arc::ptr_eq(now, durable));
            if is_same || chance.bits(1) == 0 {
                continue;
            }
            match now.cloned() {
                Some(now) => drop(self.durable.insert(key, now)),
                None => drop(self.durable.remove(&key)),
            }
        }
        for inode in self.durable.values_mut() {
            *inode = inode.after_crash_by_chance(chance);
        }
        self.crash();
    }

    /// The file of this key; an error if a directory stands there.
    pub(super) fn file(&self, key: &Key) -> Result<Option<Arc<Inode>>> {
        if self.is_directory(key) {
            return Err(Error::corrupt(key.as_str(), "a directory, no regular file"));
        }
        Ok(self.files.get(key).cloned())
    }

    pub(super) fn is_directory(&self, key: &Key) -> bool {
        self.below(key).next().is_some()
    }

    /// The files in a directory and in those below it.
    fn below(&self, directory: &Key) -> impl Iterator<Item = (&Key, &Arc<Inode>)> {
        let prefix = format!("{directory}/");
        self.files
            .iter()
            .filter(move |(key, _)| key.as_str().starts_with(&prefix))
    }

    pub(super) fn files_below(&self, directory: &Key, each: &mut dyn FnMut(Key, Stat)) {
        self.below(directory)
            .for_each(|(key, inode)| each(key.clone(), inode.stat()));
    }

    pub(super) fn remove_below(&mut self, directory: &Key) {
        let gone: Vec<Key> = self.below(directory).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.files.remove(&key);
        }
    }

    pub(super) fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        if let Some(directory) = directory
            && self.files.contains_key(directory)
        {
            return Err(Error::corrupt(directory.as_str(), "a file, no directory"));
        }
        let prefix = directory.map(|key| format!("{key}/")).unwrap_or_default();
        let mut directories = BTreeSet::new();
        let mut entries = Vec::new();
        for (key, inode) in &self.files {
            match key
                .as_str()
                .strip_prefix(&prefix)
                .map(|rest| rest.split_once('/'))
            {
                Some(None) => entries.push(file_entry(key.name(), inode)),
                Some(Some((name, _))) if directories.insert(name) => entries.push(directory_entry(name)),
                Some(Some(_)) | None => {}
            }
        }
        Ok(entries)
    }

    pub(super) fn uploads(&self, area: &str, directory: &Key) -> Result<Vec<Upload>> {
        let mut found = Vec::new();
        for (place, inode) in self.below(directory) {
            let key = &place.as_str()[directory.as_str().len() + 1..];
            found.push(Upload {
                run: area.to_owned(),
                key: Key::new(key)?,
                size_bytes: inode.stat().size_bytes,
            });
        }
        Ok(found)
    }

    /// When a file of a directory was written last.
    pub(super) fn last_written(&self, directory: &Key) -> Option<SystemTime> {
        let times = self
            .below(directory)
            .filter_map(|(_, inode)| inode.stat().modified);
        times.max()
    }

    /// Gives a file another name; whether that name was free.
    pub(super) fn move_file(&mut self, from: &Key, to: &Key) -> Result<bool> {
        let is_free = self.copy_file(from, to)?;
        if is_free {
            self.files.remove(from);
        }
        Ok(is_free)
    }

    /// Moves a file over another one.
    pub(super) fn replace_file(&mut self, from: &Key, to: &Key) -> Result<()> {
        let missing = || Error::not_found(format!("{from} is not there"));
        let inode = self.file(from)?.ok_or_else(missing)?;
        self.file(to)?;
        self.files.insert(to.clone(), inode);
        self.files.remove(from);
        Ok(())
    }

    /// Gives a file a second name; whether that name was free.
    fn copy_file(&mut self, from: &Key, to: &Key) -> Result<bool> {
        let missing = || Error::not_found(format!("{from} is not there"));
        let inode = self.file(from)?.ok_or_else(missing)?;
        if self.files.contains_key(to) || self.is_directory(to) {
            return Ok(false);
        }
        self.files.insert(to.clone(), inode);
        Ok(true)
    }

    pub(super) fn sync_content(&self, key: &Key) -> Result<()> {
        let missing = || Error::not_found(format!("{key} is not there"));
        let inode = self.file(key)?.ok_or_else(missing)?;
        inode.content_durable.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Makes the names directly in a directory durable, with those that are gone.
    pub(super) fn sync_names(&mut self, directory: Option<&Key>) {
        self.durable.retain(|key, _| key.parent().as_ref() != directory);
        let present = self
            .files
            .iter()
            .filter(|(key, _)| key.parent().as_ref() == directory);
        self.durable
            .extend(present.map(|(key, inode)| (key.clone(), inode.clone())));
    }

    pub(super) fn sync_every_name(&mut self) {
        self.exists_durably = self.exists;
        self.durable = self.files.clone();
    }

    /// A token for whoever has the lock from now on, unless somebody has it.
    pub(super) fn take_lock(&mut self, holder: &str) -> Option<u64> {
        if self.lock.is_some() {
            return None;
        }
        self.last_token += 1;
        self.lock = Some((self.last_token, holder.to_owned()));
        Some(self.last_token)
    }

    pub(super) fn lock_holder(&self) -> String {
        self.lock
            .as_ref()
            .map(|(_, holder)| holder.clone())
            .unwrap_or_default()
    }

    pub(super) fn has_lock(&self, token: u64) -> bool {
        self.lock.as_ref().is_some_and(|(holder, _)| *holder == token)
    }

    pub(super) fn release_lock(&mut self, token: u64) {
        if self.has_lock(token) {
            self.lock = None;
        }
    }

    pub(super) fn has_pin(&self, key: &Key, inode: &Arc<Inode>) -> bool {
        let held = self.pins.get(key).is_some_and(|held| Arc::ptr_eq(held, inode));
        held && self.files.get(key).is_some_and(|there| Arc::ptr_eq(there, inode))
    }
}

fn file_entry(name: &str, inode: &Inode) -> Entry {
    Entry {
        name: name.to_owned(),
        kind: EntryKind::File,
        size_bytes: inode.stat().size_bytes,
        modified: inode.stat().modified,
    }
}

fn directory_entry(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        kind: EntryKind::Directory,
        size_bytes: 0,
        modified: None,
    }
}
