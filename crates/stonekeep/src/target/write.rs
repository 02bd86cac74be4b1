//! Writing new files at a target: copies, and clones that share the blocks of another file.

use std::fs::File;
use std::io::Read;

use super::disk::TargetDisk;
use super::hook::TargetOperation;
use super::path::TargetPath;
use super::root::{TargetRoot, discard, key_of};
use crate::disk::copying::{self, Failed};
use crate::disk::{Place, WriteBack, Written, write_error};
use crate::{Error, Result};

impl TargetDisk {
    /// Writes all of `content` to a new file. An error if the place is taken. After an error nothing of the file stays,
    /// where that can be helped. It is durable after [`Self::sync_files`].
    pub(crate) fn write(&self, at: &TargetPath, content: &mut dyn Read, expected_bytes: u64) -> Result<()> {
        self.run(TargetOperation::Write { at, expected_bytes }, || {
            let (root, key) = (self.root(at), key_of(at)?);
            root.syncs.begin(&root.tree)?;
            let place = root.place(at)?;
            let written = self.fill((&root, &place), content, expected_bytes, at)?;
            root.keep(&place, key, written, self.sync)
        })
    }

    /// Writes the first `size_bytes` of an open file, which is on such a device, to a new one without copying them;
    /// false, and no file, where that cannot be done.
    pub(crate) fn write_clone(
        &self,
        at: &TargetPath,
        source: &File,
        device: u64,
        size_bytes: u64,
    ) -> Result<bool> {
        let root = self.root(at);
        if !root.clones.may_share(device) {
            return Ok(false);
        }
        let (mut is_shared, expected_bytes) = (false, size_bytes);
        self.run(TargetOperation::Write { at, expected_bytes }, || {
            let key = key_of(at)?;
            root.syncs.begin(&root.tree)?;
            let place = root.place(at)?;
            let file = root.create(&place)?;
            is_shared = root.clones.share(source, device, &file, size_bytes);
            if !is_shared {
                return place.unlink().map(drop);
            }
            let written = Written {
                file,
                size_bytes,
                device: place.directory.device,
            };
            root.keep(&place, key, written, self.sync)
        })?;
        Ok(is_shared)
    }

    fn copy(
        &self,
        content: &mut dyn Read,
        expected_bytes: u64,
        (file, place): (&File, &Place),
        at: &TargetPath,
    ) -> Result<u64> {
        let copied = copying::copy(
            content,
            file,
            WriteBack::of(&place.directory, 0),
            &mut self.buffers.take(),
        );
        copied.map_err(|failed| match failed {
            Failed::Reading(error) => Error::of_reading(error, || format!("reading the content of {at}")),
            Failed::Writing(error) => {
                let written = file.metadata().map_or(0, |metadata| metadata.len());
                write_error(place, error, written, expected_bytes)
            }
        })
    }

    fn fill(
        &self,
        (root, place): (&TargetRoot, &Place),
        content: &mut dyn Read,
        expected_bytes: u64,
        at: &TargetPath,
    ) -> Result<Written> {
        let file = root.create(place)?;
        match self.copy(content, expected_bytes, (&file, place), at) {
            Ok(size_bytes) => Ok(Written {
                file,
                size_bytes,
                device: place.directory.device,
            }),
            Err(error) => {
                discard(place);
                Err(error)
            }
        }
    }
}
