//! Where the bytes of a table come from, and the window that a walk has of them.

use std::io;

use crate::sst::ReadError;

/// How much is read at a time, unless a block is larger.
pub(super) const WINDOW_BYTES: usize = 512 * 1024;

/// Ranges of a file. Functions of this form implement it.
pub trait ReadAt {
    /// Fills `buffer` with the bytes of the file from `offset` on. It is not asked for bytes outside of the file.
    ///
    /// # Errors
    /// Whatever reading returns; a walk ends with it, since it says nothing about the bytes.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<()>> ReadAt for F {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self(offset, buffer)
    }
}

/// A part of the file in memory.
pub(super) struct Window<'r> {
    source: &'r mut dyn ReadAt,
    file_size: u64,
    offset: u64,
    /// How much of `bytes` is of the file: the rest is not cleared, since it is written over.
    len: usize,
    bytes: Vec<u8>,
}

impl<'r> Window<'r> {
    pub(super) fn new(source: &'r mut dyn ReadAt, file_size: u64) -> Self {
        Window {
            source,
            file_size,
            offset: 0,
            len: 0,
            bytes: Vec::new(),
        }
    }

    /// `len` bytes at `offset`, which are in the file. What follows them is read along with them.
    pub(super) fn get(&mut self, offset: u64, len: usize) -> Result<&[u8], ReadError> {
        let wanted = offset..offset.saturating_add(len as u64);
        let have = self.offset..self.offset + self.len as u64;
        if wanted.start < have.start || have.end < wanted.end {
            self.read(offset, len)?;
        }
        let start = (offset - self.offset) as usize;
        Ok(&self.bytes[start..start + len])
    }

    fn read(&mut self, offset: u64, len: usize) -> Result<(), ReadError> {
        let rest = self.file_size.saturating_sub(offset);
        let total = (len.max(WINDOW_BYTES) as u64).min(rest).max(len as u64) as usize;
        let end = self.offset + self.len as u64;
        let kept = if (self.offset..end).contains(&offset) {
            let from = (offset - self.offset) as usize;
            self.bytes.copy_within(from..self.len, 0);
            self.len - from
        } else {
            0
        };
        (self.offset, self.len) = (offset, total);
        if self.bytes.len() < total {
            self.bytes.resize(total, 0);
        } else if total <= WINDOW_BYTES {
            // A block that was larger is not kept for ever.
            self.bytes.truncate(WINDOW_BYTES.max(total));
            self.bytes.shrink_to(2 * WINDOW_BYTES);
        }
        let missing = &mut self.bytes[kept..total];
        let (at, len) = (offset + kept as u64, missing.len());
        let result = self.source.read_at(at, missing);
        result.map_err(|source| {
            self.len = 0;
            ReadError::Io {
                offset: at,
                len,
                source,
            }
        })
    }
}
