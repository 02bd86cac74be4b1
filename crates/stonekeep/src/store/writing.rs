//! The operations of a store that change something, and those on what is staged.

use std::fs::File;
use std::io::Read;

use super::halves::Halves;
use super::{Durability, Key, Object, Operation, Staged, Store};
use crate::Result;

impl Store {
    /// Writes all of `content` into the area under this key, replacing what the area had there. Not durable yet.
    /// `expected_bytes` lets the store reserve room; on failure nothing of the file stays in the area.
    ///
    /// # Errors
    /// An [`Error`] that `content` wraps in an I/O error comes back as it was; I/O errors of the store.
    pub fn stage(
        &self,
        area: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Staged> {
        if self.interceptors.is_empty() {
            return self.backend.stage(area, key, content, expected_bytes);
        }
        let staged = Staged {
            area: area.to_owned(),
            key: key.clone(),
            size_bytes: expected_bytes,
        };
        self.before(&Operation::Stage(staged.clone()))?;
        let mut halves = Halves::new(self, content, Operation::StageHalf(staged), expected_bytes);
        let staged = self.backend.stage(area, key, &mut halves, expected_bytes);
        let staged = halves.outcome(staged)?;
        self.after(&Operation::Stage(staged.clone()));
        Ok(staged)
    }

    /// Keeps the first `staged.size_bytes` bytes of a staged file, adds all of `content` to them, and takes the file into
    /// this area if it is in another one. Not durable yet. On failure those bytes are still there.
    ///
    /// # Errors
    /// `Refused` if the file has a second name, `NotFound` or `Corrupt` if it has not so many bytes: then nothing has been
    /// read. Else as [`Store::stage`].
    pub fn extend(
        &self,
        staged: &Staged,
        area: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Staged> {
        if self.interceptors.is_empty() {
            return self.backend.extend(staged, area, content, expected_bytes);
        }
        let named = Staged {
            area: area.to_owned(),
            ..staged.clone()
        };
        self.before(&Operation::Extend(named.clone()))?;
        let mut halves = Halves::new(self, content, Operation::ExtendHalf(named), expected_bytes);
        let extended = self.backend.extend(staged, area, &mut halves, expected_bytes);
        let extended = halves.outcome(extended)?;
        self.after(&Operation::Extend(extended.clone()));
        Ok(extended)
    }

    /// Stages the first `size_bytes` of an open file without copying them, as [`Store::stage`] would; `None` where that
    /// cannot be done, for this file or at all.
    ///
    /// # Errors
    /// I/O errors.
    pub fn stage_clone(
        &self,
        area: &str,
        key: &Key,
        source: &File,
        size_bytes: u64,
    ) -> Result<Option<Staged>> {
        let staged = || Staged {
            area: area.to_owned(),
            key: key.clone(),
            size_bytes,
        };
        if self.interceptors.is_empty() {
            return self.backend.stage_clone(area, key, source, size_bytes);
        }
        self.before(&Operation::Stage(staged()))?;
        let cloned = self.backend.stage_clone(area, key, source, size_bytes)?;
        if let Some(staged) = &cloned {
            self.after(&Operation::Stage(staged.clone()));
        }
        Ok(cloned)
    }

    /// Makes staged files durable, so that a journal may speak of them. Does nothing when buffered.
    ///
    /// # Errors
    /// I/O errors.
    pub fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        self.around(
            || Operation::Sync(staged.to_vec(), durability),
            || self.backend.sync(staged, durability),
        )
    }

    /// Moves staged files to their final keys, in the order given; those whose key is taken stay staged and come
    /// back. Every directory concerned is durable on return, if asked (content is too: see [`Store::sync`]).
    ///
    /// # Errors
    /// I/O errors.
    pub fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        if self.interceptors.is_empty() {
            return self.backend.publish(batch, durability);
        }
        let splits = self.interceptors.iter().any(|it| it.splits_batches());
        let batches = match splits {
            true => batch.into_iter().map(|file| vec![file]).collect(),
            false => vec![batch],
        };
        let mut taken = Vec::new();
        for batch in batches {
            self.before(&Operation::Publish(batch.clone(), durability))?;
            let left = self.backend.publish(batch.clone(), durability)?;
            let moved = batch.into_iter().filter(|file| !left.contains(file)).collect();
            self.after(&Operation::Publish(moved, durability));
            taken.extend(left);
        }
        Ok(taken)
    }

    /// Moves a staged file to a key that is taken, in the place of the file that is there: one step for readers. Its
    /// content and the directory are durable on return, if asked.
    ///
    /// # Errors
    /// I/O errors.
    pub fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.around(
            || Operation::Replace(staged.clone(), key.clone(), durability),
            || self.backend.replace(staged, key, durability),
        )
    }

    /// The areas that there are.
    ///
    /// # Errors
    /// I/O errors.
    pub fn areas(&self) -> Result<Vec<String>> {
        self.around(|| Operation::Areas, || self.backend.areas())
    }

    /// What is in an area, complete or in part.
    ///
    /// # Errors
    /// I/O errors.
    pub fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.around(
            || Operation::Staged(area.to_owned()),
            || self.backend.staged(area),
        )
    }

    /// Opens a staged file.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.around(
            || Operation::OpenStaged(staged.clone()),
            || self.backend.open_staged(staged),
        )
    }

    /// Removes an area with all that is in it.
    ///
    /// # Errors
    /// I/O errors.
    pub fn discard(&self, area: &str) -> Result<()> {
        self.around(
            || Operation::Discard(area.to_owned()),
            || self.backend.discard(area),
        )
    }

    /// Gives the content of a visible file a second key, never replacing anything; whether that key was free. Content
    /// and name are durable on return, if asked. Where the store can, no bytes are copied, so that it needs no room.
    ///
    /// # Errors
    /// `NotFound` if the file is not there, and I/O errors.
    pub fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        let copy = |is_free| Operation::Copy(from.clone(), to.clone(), durability, is_free);
        if self.interceptors.is_empty() {
            return self.backend.copy(from, to, durability);
        }
        self.before(&copy(true))?;
        let is_free = self.backend.copy(from, to, durability)?;
        self.after(&copy(is_free));
        Ok(is_free)
    }

    /// Removes a visible file; whether there was one. Also removes what is no regular file, without following it.
    ///
    /// # Errors
    /// `Refused` for a directory that is not empty, and I/O errors.
    pub fn delete(&self, key: &Key) -> Result<bool> {
        self.around(|| Operation::Delete(key.clone()), || self.backend.delete(key))
    }

    /// Makes the names in these directories durable, deletions too, if asked.
    ///
    /// # Errors
    /// I/O errors.
    pub fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.around(
            || Operation::SyncDirectories(directories.to_vec(), durability),
            || self.backend.sync_directories(directories, durability),
        )
    }

    /// Makes visible files durable, content and names, whoever wrote them, if asked: a backup that reuses a file which
    /// another engine wrote with `sync = false` must not be less durable than it says.
    ///
    /// # Errors
    /// `NotFound` if one is not there, and I/O errors.
    pub fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.around(
            || Operation::SyncVisible(keys.to_vec(), durability),
            || self.backend.sync_visible(keys, durability),
        )
    }
}
