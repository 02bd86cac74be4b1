//! Copy buffers that are used again: making one for each file costs more than copying a small file.

use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

/// How much is read and written at a time where nobody says otherwise: large enough that system calls cost little, small
/// enough that what was read is still in the CPU's nearest caches when it is hashed and written. From 64 KiB to 1 MiB
/// copies were equally fast on the machines that this was measured on.
pub(crate) const DEFAULT_BUFFER_BYTES: NonZeroUsize = NonZeroUsize::new(128 << 10).unwrap();

/// How much is read at a time where nothing is written. Pages that are not to stay in the page cache are read ahead no
/// further than this: on a virtual disk 1 GiB took a quarter less time than with 128 KiB.
pub(crate) const DEFAULT_READ_BYTES: NonZeroUsize = NonZeroUsize::new(1 << 20).unwrap();

/// Buffers of one size; there are as many as were in use at the same time.
#[derive(Debug)]
pub(crate) struct Buffers {
    size_bytes: NonZeroUsize,
    /// With the threads that used them last.
    free: Mutex<Vec<(ThreadId, Box<[u8]>)>>,
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

    /// One that nobody uses; if there is one, that which this thread has used before: it is in the caches of its
    /// processor, and another one may be in those of another.
    pub(crate) fn take(&self) -> Buffer<'_> {
        let me = std::thread::current().id();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = free.iter().rposition(|(user, _)| *user == me);
        let found = match mine {
            Some(at) => Some(free.swap_remove(at)),
            None => free.pop(),
        };
        drop(free);
        Buffer {
            home: self,
            bytes: found.map_or_else(
                || vec![0; self.size_bytes.get()].into_boxed_slice(),
                |(_, bytes)| bytes,
            ),
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
        free.push((std::thread::current().id(), bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returned_buffers_are_reused() {
        let buffers = Buffers::new(NonZeroUsize::new(3).unwrap());
        let (mut first, second) = (buffers.take(), buffers.take());
        assert_eq!((first.len(), second.len()), (3, 3));
        first[0] = 7;
        drop(first);
        assert_eq!(buffers.take()[0], 7);
        drop(second);
        assert_eq!(buffers.free.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_thread_gets_the_buffer_that_it_had() {
        let buffers = Buffers::new(NonZeroUsize::new(1).unwrap());
        let (mut mine, theirs) = (buffers.take(), buffers.take());
        mine[0] = 7;
        drop(mine);
        std::thread::scope(|scope| {
            scope.spawn(|| drop(theirs));
        });
        assert_eq!(buffers.take()[0], 7);
    }
}
