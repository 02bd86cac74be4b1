//! Puts of small files that say whether the key was free.

use object_store::path::Path;
use stonekeep_format::Crc32c;

use super::single_put::Outcome;
use super::stamp::There;
use super::{Writer, parts};
use crate::store::remote::fence::Fence;
use crate::store::remote::object::RemoteObject;
use crate::store::staging::run_key;
use crate::store::{Key, Object, ObjectReader, Put, PutContent, PutMode};
use crate::{Error, Result};

impl Writer {
    /// Puts a file under its key; under a lease, as its holder.
    pub(in super::super) fn put(
        &self,
        run: &str,
        key: &Key,
        content: PutContent<'_>,
        mode: PutMode,
        fence: Option<&Fence>,
    ) -> Result<Put> {
        // Also refuses a run that is no plain name.
        run_key(run)?;
        let requests = &self.requests;
        let from = match content {
            PutContent::Bytes(bytes) => return self.put_bytes(key, bytes, mode, fence),
            PutContent::CopyOf(from) => requests.paths.of(Some(from))?,
        };
        let object = RemoteObject::open(requests.client.clone(), from)?;
        let mut reader = ObjectReader::new(&object);
        let size_bytes = object.size_bytes();
        if parts::is_one(size_bytes) {
            let bytes = parts::whole(key, &mut reader, size_bytes)?;
            return self.put_bytes(key, &bytes, mode, fence);
        }
        if mode == PutMode::IfAbsent {
            let path = requests.paths.of(Some(key))?;
            if requests
                .wait(&format!("asking for {path}"), requests.look(&path))?
                .is_some()
            {
                return self.compare(&path, &mut reader, size_bytes);
            }
        }
        self.upload(run, key, &mut reader, size_bytes, mode)?;
        Ok(Put::Done)
    }

    fn put_bytes(&self, key: &Key, bytes: &[u8], mode: PutMode, fence: Option<&Fence>) -> Result<Put> {
        let requests = &self.requests;
        let path = requests.paths.of(Some(key))?;
        let crc32c = Crc32c(crc32c::crc32c(bytes));
        let create = mode == PutMode::IfAbsent;
        if create && let Some(there) = requests.wait(&format!("asking for {path}"), requests.look(&path))? {
            return self.same_or_taken(&path, &there, bytes);
        }
        let outcome = match fence {
            Some(fence) => requests.put_fenced(fence, &path, bytes, crc32c, create)?,
            None => requests.put_once(&path, bytes.to_vec().into(), Some(crc32c), create)?,
        };
        match outcome {
            Outcome::Written(_) => Ok(Put::Done),
            Outcome::Taken(there) => self.same_or_taken(&path, &there, bytes),
        }
    }

    fn same_or_taken(&self, path: &Path, there: &There, bytes: &[u8]) -> Result<Put> {
        if there.size_bytes != bytes.len() as u64 {
            return Ok(Put::Taken);
        }
        self.compare(path, &mut &*bytes, there.size_bytes)
    }

    /// Compares an object with a content of this length.
    fn compare(&self, path: &Path, content: &mut dyn std::io::Read, size_bytes: u64) -> Result<Put> {
        let object = RemoteObject::open(self.requests.client.clone(), path.clone())?;
        if object.size_bytes() != size_bytes {
            return Ok(Put::Taken);
        }
        let mut there = ObjectReader::new(&object);
        let is_same = same_bytes(&mut there, content)
            .map_err(|error| Error::of_reading(error, || format!("reading {path}")))?;
        Ok(if is_same { Put::Same } else { Put::Taken })
    }
}

/// Whether both contents are equal.
fn same_bytes(one: &mut dyn std::io::Read, other: &mut dyn std::io::Read) -> std::io::Result<bool> {
    use std::io::Read;
    const STEP_BYTES: u64 = 64 << 10;
    loop {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        (&mut *one).take(STEP_BYTES).read_to_end(&mut left)?;
        (&mut *other).take(STEP_BYTES).read_to_end(&mut right)?;
        if left != right || left.is_empty() {
            return Ok(left == right);
        }
    }
}
