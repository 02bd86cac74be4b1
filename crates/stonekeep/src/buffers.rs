//! Reuses copy buffers: allocating one for each file costs more than copying a small file.

use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

/// The default size of a read and a write: large enough that system calls cost little, small enough that the bytes are still
/// in the processor's nearest caches when they are hashed and written. From 64 KiB to 1 MiB copies were equally fast on the
/// machines where this was measured.
pub(crate) const DEFAULT_BUFFER_BYTES: NonZeroUsize = NonZeroUsize::new(128 << 10).unwrap();

/// The default size of a read if nothing is written. Uncached reads are read ahead no further than this: on a virtual disk
/// 1 GiB took a quarter less time than with 128 KiB.
pub(crate) const DEFAULT_READ_BYTES: NonZeroUsize = NonZeroUsize::new(1 << 20).unwrap();

/// Buffers of one size, as many as were in use at the same time.
#[derive(Debug)]
pub(crate) struct Buffers {
    size_bytes: NonZeroUsize,
    /// Each with the thread that used it last.
    free: Mutex<Vec<(ThreadId, Box<[u8]>)>>,
}

/// A buffer that is returned when it is dropped. Its initial content is that of its last use.
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

    /// A free buffer, preferably one that this thread has used before, which may still be in the caches of its processor.
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
