//! The operations of a store that change something, and those on what is not finished.

use std::fs::File;
use std::io::Read;

use super::halves::Halves;
use super::{
    Durability, Key, Leftover, NotDeleted, Object, Operation, Persist, Put, PutContent, PutMode, Store,
    Upload,
};
use crate::Result;

impl Store {
    /// Puts a small file under its key: complete or not at all, and durably if asked. `run` is whoever does it, for what a
    /// kill leaves.
    ///
    /// # Errors
    /// I/O errors; whether the file is there then is not known.
    pub fn put(
        &self,
        run: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Put> {
        let of = |put| Operation::Put {
            key: key.clone(),
            copy_of: match content {
                PutContent::CopyOf(from) => Some(from.clone()),
                PutContent::Bytes(_) => None,
            },
            durability,
            put,
        };
        if self.interceptors().is_empty() {
            return self.backend.put(run, key, content, mode, durability);
        }
        self.before(&of(Put::Done))?;
        let put = self.backend.put(run, key, content, mode, durability)?;
        self.after(&of(put))?;
        Ok(put)
    }

    /// Writes all of `content` where no reader looks, for this key, replacing what the run had written for it. Not durable
    /// yet. `expected_bytes` lets the store reserve room; on failure nothing of the file stays. Where uploads are
    /// [named](super::Uploads::Named) at once, `mode` says what happens if the key is taken.
    ///
    /// # Errors
    /// An [`Error`](crate::Error) that `content` wraps in an I/O error comes back as it was; `Refused` if another object has
    /// taken the key of an upload that is named at once; I/O errors of the store.
    pub fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
        mode: PutMode,
    ) -> Result<Upload> {
        if self.interceptors().is_empty() {
            return self.backend.upload(run, key, content, expected_bytes, mode);
        }
        let upload = Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes: expected_bytes,
        };
        self.before(&Operation::Upload(upload.clone()))?;
        let mut halves = Halves::new(self, content, Operation::UploadHalf(upload), expected_bytes);
        let upload = self.backend.upload(run, key, &mut halves, expected_bytes, mode);
        let upload = halves.outcome(upload)?;
        self.after(&Operation::Upload(upload.clone()))?;
        Ok(upload)
    }

    /// Writes a record of the run itself, which never becomes visible, replacing the one of this name. Not durable yet.
    ///
    /// # Errors
    /// As [`Store::upload`].
    pub fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        if self.interceptors().is_empty() {
            return self.backend.record(run, name, content);
        }
        let record = Upload {
            run: run.to_owned(),
            key: name.clone(),
            size_bytes: 0,
        };
        self.before(&Operation::Upload(record.clone()))?;
        let mut halves = Halves::new(self, content, Operation::UploadHalf(record), 0);
        let record = self.backend.record(run, name, &mut halves);
        let record = halves.outcome(record)?;
        self.after(&Operation::Upload(record.clone()))?;
        Ok(record)
    }

    /// Keeps the first `upload.size_bytes` bytes of an upload, adds all of `content` to them, and takes the file over for
    /// this run if it is another one's. Not durable yet. On failure those bytes are still there.
    ///
    /// # Errors
    /// `Refused` if the file has a second name, `NotFound` or `Corrupt` if it has not so many bytes: then nothing has been
    /// read. Else as [`Store::upload`].
    pub fn resume(
        &self,
        upload: &Upload,
        run: &str,
        content: &mut dyn Read,
        expected_bytes: u64,
    ) -> Result<Upload> {
        if self.interceptors().is_empty() {
            return self.backend.resume(upload, run, content, expected_bytes);
        }
        let named = Upload {
            run: run.to_owned(),
            ..upload.clone()
        };
        self.before(&Operation::Resume(named.clone()))?;
        let mut halves = Halves::new(self, content, Operation::ResumeHalf(named), expected_bytes);
        let resumed = self.backend.resume(upload, run, &mut halves, expected_bytes);
        let resumed = halves.outcome(resumed)?;
        self.after(&Operation::Resume(resumed.clone()))?;
        Ok(resumed)
    }

    /// Uploads the first `size_bytes` of an open file without copying them; `None` where that cannot be done, for this file
    /// or at all.
    ///
    /// # Errors
    /// I/O errors.
    pub fn upload_clone(
        &self,
        run: &str,
        key: &Key,
        source: &File,
        size_bytes: u64,
    ) -> Result<Option<Upload>> {
        if self.interceptors().is_empty() {
            return self.backend.upload_clone(run, key, source, size_bytes);
        }
        self.before(&Operation::Upload(Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes,
        }))?;
        let cloned = self.backend.upload_clone(run, key, source, size_bytes)?;
        if let Some(upload) = &cloned {
            self.after(&Operation::Upload(upload.clone()))?;
        }
        Ok(cloned)
    }

    /// Opens an upload that is not finished, or a record of a run.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_upload(&self, upload: &Upload) -> Result<Box<dyn Object>> {
        self.around(
            || Operation::OpenUpload(upload.clone()),
            || self.backend.open_upload(upload),
        )
    }

    /// Makes uploads visible under these keys, in any order. Those whose key is taken stay as they are and come back,
    /// unless they are to replace what is there. Where uploads are [named](super::Uploads::Named) at once, only the key that an
    /// upload was made for is possible. Content, names, and every directory above them are durable on return,
    /// if asked.
    ///
    /// # Errors
    /// I/O errors.
    pub fn finish(
        &self,
        uploads: Vec<(Upload, Key)>,
        mode: PutMode,
        durability: Durability,
    ) -> Result<Vec<(Upload, Key)>> {
        if self.interceptors().is_empty() {
            return self.backend.finish(uploads, mode, durability);
        }
        let splits = self.interceptors().iter().any(|it| it.splits_batches());
        let batches = if splits {
            uploads.into_iter().map(|file| vec![file]).collect()
        } else {
            vec![uploads]
        };
        let mut taken = Vec::new();
        for batch in batches {
            self.before(&Operation::Finish(batch.clone(), mode, durability))?;
            let left = self.backend.finish(batch.clone(), mode, durability)?;
            let finished = batch.into_iter().filter(|file| !left.contains(file)).collect();
            self.after(&Operation::Finish(finished, mode, durability))?;
            taken.extend(left);
        }
        Ok(taken)
    }

    /// Makes something durable, if asked.
    ///
    /// # Errors
    /// `NotFound` if a file is not there, and I/O errors.
    pub fn persist(&self, what: Persist<'_>, durability: Durability) -> Result<()> {
        self.around(
            || Operation::persist(what, durability),
            || match durability {
                Durability::Durable => self.backend.persist(what),
                Durability::Buffered => Ok(()),
            },
        )
    }

    /// What runs have uploaded and not finished, run by run.
    ///
    /// # Errors
    /// I/O errors.
    pub fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.around(|| Operation::Leftovers, || self.backend.leftovers())
    }

    /// Removes what a run has uploaded and not finished, if it was among the [leftovers](Self::leftovers) or used this store.
    ///
    /// # Errors
    /// I/O errors.
    pub fn discard(&self, run: &str) -> Result<()> {
        self.around(
            || Operation::Discard(run.to_owned()),
            || self.backend.discard(run),
        )
    }

    /// Removes visible files; those that are not there count as removed. Also removes what is no regular file, without
    /// following it, and empty directories. Returns what could not be removed; a directory that is not empty is `Refused`.
    pub fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        if self.interceptors().is_empty() {
            return self.backend.delete(keys);
        }
        let mut left = Vec::new();
        for key in keys {
            let operation = Operation::Delete(key.clone());
            let not_deleted = |error| NotDeleted {
                key: key.clone(),
                error,
            };
            let mut failed = match self.before(&operation) {
                Ok(()) => self.backend.delete(std::slice::from_ref(key)),
                Err(refusal) => vec![not_deleted(refusal.into())],
            };
            if failed.is_empty() {
                failed.extend(self.after(&operation).err().map(not_deleted));
            }
            left.extend(failed);
        }
        left
    }

    /// The same for one file.
    ///
    /// # Errors
    /// What kept it from being removed.
    pub fn delete_one(&self, key: &Key) -> Result<()> {
        let mut left = self.delete(std::slice::from_ref(key));
        left.pop().map_or(Ok(()), |left| Err(left.error))
    }
}
