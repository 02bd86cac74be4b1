//! What every store is asked for, by the operations that a backup uses.

use std::collections::BTreeSet;

use crate::store::promise::{Promise, Verdict};
use crate::store::{Durability, PutContent, PutMode, Store};
use crate::{Error, Key, Result};

/// The directory of all checks.
pub(super) const DIRECTORY: &str = "stonekeep/check";

/// How often a new name must be seen at once, and a deleted one not any more: some stores are late for some requests only.
const LOOKS: usize = 100;

/// Written in parts, where a store has such uploads.
const LARGE_BYTES: usize = 20 << 20;

/// What a write makes in an empty directory.
const OURS: &str = "stonekeep";
const OURS_STAGING: &str = "stonekeep/tmp";

/// See the [module](self).
pub(super) struct Tries<'a> {
    store: &'a Store,
    below: Key,
    run: String,
    should_stop: &'a dyn Fn() -> bool,
    /// What was written, and not deleted again.
    written: BTreeSet<Key>,
    /// Whether the directory that the checks are in was there before.
    is_repository: bool,
}

impl<'a> Tries<'a> {
    pub(super) fn new(store: &'a Store, below: Key, run: String, should_stop: &'a dyn Fn() -> bool) -> Self {
        Tries {
            store,
            below,
            run,
            should_stop,
            written: BTreeSet::new(),
            is_repository: true,
        }
    }

    pub(super) fn all(&mut self) -> Result<Vec<Promise>> {
        let root = self.store.list(None)?;
        self.is_repository = root.iter().any(|entry| entry.name == OURS);
        let mut promises = Vec::new();
        for tried in [
            Self::reads_after_writes,
            Self::lists_after_writes,
            Self::reads_parts,
            Self::keeps_large_files,
        ] {
            self.check_stop()?;
            promises.push(tried(self)?);
        }
        Ok(promises)
    }

    /// Removes everything; the promise says whether nothing was left.
    pub(super) fn remove_all(&mut self) -> Promise {
        let keys: Vec<Key> = self.written.iter().cloned().collect();
        let mut left = self.store.delete(&keys);
        let discarded = self.store.discard(&self.run);
        // Empty directories, where there are any; those that others use are not empty.
        let made = [OURS_STAGING, OURS].into_iter().filter(|_| !self.is_repository);
        for directory in [self.below.as_str(), DIRECTORY].into_iter().chain(made) {
            drop(Key::new(directory).map(|directory| self.store.delete(&[directory])));
        }
        let found = self.store.list(Some(&self.below)).map_or(0, |found| found.len());
        let first = left.pop().map(|left| left.error).or(discarded.err());
        match first {
            None if found == 0 => {
                Promise::new("delete", Verdict::Honoured, "everything that was written is gone")
            }
            None => Promise::new(
                "delete",
                Verdict::Broken,
                format!("{found} deleted files are still listed"),
            )
            .with_consequence("deletions cannot rely on listings"),
            Some(error) => {
                Promise::new("delete", Verdict::Refused, error.one_line()).with_consequence(format!(
                    "backups can be made, and not be deleted; remove {} yourself",
                    self.below
                ))
            }
        }
    }

    fn reads_after_writes(&mut self) -> Result<Promise> {
        const NAME: &str = "read after write";
        for number in 0..LOOKS / 5 {
            let (key, content) = (self.key("read", number)?, format!("content {number}"));
            self.put(&key, content.as_bytes())?;
            match self.store.read(&key, 1 << 10) {
                Ok(found) if found == content.as_bytes() => {}
                Ok(_) => return Ok(unsafe_store(NAME, format!("{key} was read with another content"))),
                Err(error) => {
                    return Ok(unsafe_store(
                        NAME,
                        format!("{key} was written and {}", error.one_line()),
                    ));
                }
            }
        }
        Ok(Promise::new(
            NAME,
            Verdict::Honoured,
            format!("{} of {}", LOOKS / 5, LOOKS / 5),
        ))
    }

    fn lists_after_writes(&mut self) -> Result<Promise> {
        const NAME: &str = "list after write";
        let (mut unseen, mut ghosts) = (0, 0);
        for number in 0..LOOKS {
            self.check_stop()?;
            let key = self.key("list", number)?;
            self.put(&key, b"x")?;
            unseen += usize::from(!self.is_listed(&key)?);
            self.store.delete_one(&key)?;
            self.written.remove(&key);
            ghosts += usize::from(self.is_listed(&key)?);
        }
        Ok(match (unseen, ghosts) {
            (0, 0) => Promise::new(NAME, Verdict::Honoured, format!("{LOOKS} of {LOOKS}")),
            (0, _) => Promise::new(
                NAME,
                Verdict::Ignored,
                format!("{ghosts} of {LOOKS} deleted files were still listed"),
            )
            .with_consequence("ghosts do not block: what is listed is asked for before it counts"),
            _ => unsafe_store(NAME, format!("{unseen} of {LOOKS} new files were not listed")),
        })
    }

    fn reads_parts(&mut self) -> Result<Promise> {
        const NAME: &str = "ranged reads";
        let (key, content) = (self.key("parts", 0)?, pattern(1 << 20));
        self.put(&key, &content)?;
        let object = self.store.open(&key)?;
        for offset in [0_usize, 999_983, 3, 512 << 10] {
            let mut bytes = [0; 64];
            let count = object.read_at(&mut bytes, offset as u64);
            let count = count.map_err(|error| Error::of_reading(error, || format!("reading {key}")))?;
            if count == 0 || content.get(offset..offset + count) != bytes.get(..count) {
                return Ok(unsafe_store(NAME, format!("other bytes at {offset}")));
            }
        }
        Ok(Promise::new(
            NAME,
            Verdict::Honoured,
            "parts of a file in any order",
        ))
    }

    fn keeps_large_files(&mut self) -> Result<Promise> {
        const NAME: &str = "large files";
        let (key, content) = (self.key("large", 0)?, pattern(LARGE_BYTES));
        self.written.insert(key.clone());
        let bytes = content.len() as u64;
        let upload = self
            .store
            .upload(&self.run, &key, &mut &content[..], bytes, PutMode::Replace)?;
        self.store
            .finish(vec![(upload, key.clone())], PutMode::Replace, Durability::Durable)?;
        let found = self.store.read(&key, bytes)?;
        if found != content {
            return Ok(unsafe_store(
                NAME,
                format!("{LARGE_BYTES} bytes came back as others"),
            ));
        }
        Ok(Promise::new(
            NAME,
            Verdict::Honoured,
            format!("{LARGE_BYTES} bytes, written in parts where there are such"),
        ))
    }

    fn check_stop(&self) -> Result<()> {
        if (self.should_stop)() {
            return Err(Error::stopped());
        }
        Ok(())
    }

    fn key(&self, what: &str, number: usize) -> Result<Key> {
        self.below.join(&format!("{what}-{number}"))
    }

    fn put(&mut self, key: &Key, content: &[u8]) -> Result<()> {
        // Also one that fails may be there.
        self.written.insert(key.clone());
        let content = PutContent::Bytes(content);
        let put = self
            .store
            .put(&self.run, key, content, PutMode::Replace, Durability::Buffered);
        put.map(drop)
    }

    fn is_listed(&self, key: &Key) -> Result<bool> {
        let found = self.store.list(Some(&self.below))?;
        Ok(found.iter().any(|entry| entry.name == key.name()))
    }
}

fn unsafe_store(name: &'static str, seen: String) -> Promise {
    Promise::new(name, Verdict::Broken, seen).with_consequence("backups are not safe in this store")
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}
