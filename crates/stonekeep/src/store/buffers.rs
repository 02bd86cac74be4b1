//! Copy buffers that are used again: making one for each file costs more than copying a small file.

use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// How much is read and written at a time where nobody says otherwise: large enough that system calls cost little, small
/// enough that what was read is still in the CPU's nearest caches when it is hashed and written. From 64 KiB to 1 MiB
/// copies were equally fast on the machines that this was measured on.
pub(crate) const DEFAULT_BUFFER_BYTES: NonZeroUsize = NonZeroUsize::new(128 << 10).unwrap();

/// Buffers of one size; there are as many as were in use at the same time.
#[derive(Debug)]
pub(crate) struct Buffers {
    size_bytes: NonZeroUsize,
    free: Mutex<Vec<Box<[u8]>>>,
}

/// A buffer that goes back when it is dropped. It has whatever its last user left in it.
#[derive(Debug)]
pub(crate) struct Buffer<'a> {
    home: &'a Buffers,
    bytes: Box<[u8]>,
}

impl Buffers {
    /// No buffers yet.
    pub(crate) fn new(size_bytes: NonZeroUsize) -> Self {
        Buffers {
            size_bytes,
            free: Mutex::default(),
        }
    }

    /// One that nobody uses.
    pub(crate) fn take(&self) -> Buffer<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer {
            home: self,
            bytes: free.unwrap_or_else(|| vec![0; self.size_bytes.get()].into_boxed_slice()),
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers::new(DEFAULT_BUFFER_BYTES)
    }
}

impl Deref for Buffer<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let buffers = Buffers::new(NonZeroUsize::new(3).unwrap());
        let (mut first, second) = (buffers.take(), buffers.take());
        assert_eq!((first.len(), second.len()), (3, 3));
        first[0] = 7;
        drop(first);
        assert_eq!(buffers.take()[0], 7);
        drop(second);
        assert_eq!(buffers.free.lock().unwrap().len(), 2);
    }
}
