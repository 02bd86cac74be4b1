//! A file of a store that is open for reading.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::Stat;

use crate::disk::SparingReads;
use crate::disk::tree;
use crate::store::{LocalFile, Object};

/// See the [module](self).
pub(super) struct LocalObject {
    file: File,
    reads: Arc<SparingReads>,
    size_bytes: u64,
    device: u64,
}

impl LocalObject {
    /// This file, with its status, and with what is known of reads on its file system.
    pub(super) fn new(file: File, stat: &Stat, reads: Arc<SparingReads>) -> Self {
        LocalObject {
            file,
            reads,
            size_bytes: tree::size_bytes(stat),
            device: stat.st_dev,
        }
    }
}

impl Object for LocalObject {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(tree::size_bytes(&rustix::fs::fstat(&self.file)?))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.read_at(&self.file, buffer, offset)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        let LocalObject { file, device, .. } = self;
        Some(LocalFile {
            file,
            device: *device,
        })
    }
}
