//! Buffers of parts, used again: an allocator would keep freed ones beside the new ones, which doubles the memory of a process.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// From this capacity on a buffer is kept.
pub(super) const KEPT_BYTES: u64 = 1 << 20;

/// The buffers that no part is in. They all have one capacity, so that they and the parts under way together do not exceed the
/// budget of the latter.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer that comes back when the last request with it has ended.
struct Lent {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, capacity_bytes: u64) -> Vec<u8> {
        let capacity = usize::try_from(capacity_bytes).unwrap_or_default();
        if capacity_bytes < KEPT_BYTES {
            return Vec::with_capacity(capacity);
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        match free.pop() {
            Some(buffer) if buffer.capacity() == capacity => buffer,
            _ => {
                free.clear();
                Vec::with_capacity(capacity)
            }
        }
    }

    /// What a buffer was filled with.
    pub(super) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        if (bytes.capacity() as u64) < KEPT_BYTES {
            return Bytes::from(bytes);
        }
        Bytes::from_owner(Lent {
            bytes,
            home: self.clone(),
        })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.bytes);
        buffer.clear();
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free
            .first()
            .is_none_or(|other| other.capacity() == buffer.capacity())
        {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_is_used_again_and_others_are_not_kept() {
        let buffers = Buffers::default();
        let free = || buffers.free.lock().unwrap().len();
        let mut first = buffers.take(KEPT_BYTES);
        first.extend_from_slice(b"content");
        let at = first.as_ptr();
        let lent = buffers.lend(first);
        let more = lent.slice(3..);
        drop(lent);
        assert_eq!((free(), &*more), (0, &b"tent"[..]));
        drop(more);
        assert_eq!(free(), 1);
        let again = buffers.take(KEPT_BYTES);
        assert_eq!((again.as_ptr(), again.len(), free()), (at, 0, 0));
        drop(buffers.lend(again));
        // Another size: those before are not needed any more.
        let other = buffers.take(2 * KEPT_BYTES);
        assert_eq!(free(), 0);
        drop(buffers.lend(other));
        drop(buffers.lend(Vec::with_capacity(100)));
        assert_eq!(free(), 1);
    }
}
