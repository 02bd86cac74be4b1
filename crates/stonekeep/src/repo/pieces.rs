//! Reads a stored text in pieces, so that it is never complete in memory.

use std::io;

use stonekeep_format::Crc32c;

use crate::store::{self, Key, Object, Store};
use crate::{Error, Result};

/// How much is read at a time; it stays in the processor's cache until it has been looked at.
const PIECE_BYTES: usize = 256 << 10;
/// How much is held of a text that nobody takes anything of, unless it is said otherwise.
const HELD_BYTES: usize = 16 << 20;

/// What of a text has been read and not been taken yet.
pub(crate) struct Pieces<'a> {
    object: Box<dyn Object>,
    key: &'a Key,
    buffer: &'a mut Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    crc32c: u32,
    most_held_bytes: usize,
}

impl<'a> Pieces<'a> {
    /// Opens a text of at most `limit_bytes`. The buffer is for reading one text after another.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) fn open(
        store: &Store,
        key: &'a Key,
        limit_bytes: u64,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self> {
        let object = store.open(key)?;
        store::require_at_most(object.as_ref(), key, limit_bytes)?;
        if buffer.len() != PIECE_BYTES {
            *buffer = vec![0; PIECE_BYTES];
        }
        Ok(Pieces {
            object,
            key,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            crc32c: 0,
            most_held_bytes: HELD_BYTES,
        })
    }

    /// Holds no more than about so much of what is not taken: what comes next must make sense with less.
    pub(crate) fn held_at_most(mut self, bytes: usize) -> Self {
        self.most_held_bytes = bytes;
        self
    }

    /// What has been read and not been taken.
    pub(crate) fn text(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes so many bytes of that.
    pub(crate) fn take(&mut self, count: usize) {
        let taken = self.text().get(..count).unwrap_or_default();
        self.crc32c = crc32c::crc32c_append(self.crc32c, taken);
        self.start += count;
    }

    /// The checksum of everything that was taken.
    pub(crate) fn crc32c(&self) -> Crc32c {
        Crc32c(self.crc32c)
    }

    /// How many bytes have been read.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.offset
    }

    /// Reads on; whether there was anything. Of a text that grows meanwhile, what it had when it was opened.
    ///
    /// # Errors
    /// `Corrupt` if too much is held already, and I/O errors.
    pub(crate) fn more(&mut self) -> Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            if self.end >= self.most_held_bytes {
                let reason = format!("a line has more than {} bytes", self.most_held_bytes);
                return Err(Error::corrupt(self.key.as_str(), reason));
            }
            self.buffer.resize(self.end * 2, 0);
        }
        let left = self.object.size_bytes().saturating_sub(self.offset);
        let room = (self.buffer.len() - self.end).min(usize::try_from(left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(false);
        }
        let free = self.buffer.get_mut(self.end..self.end + room).unwrap_or_default();
        loop {
            match self.object.read_at(free, self.offset) {
                Ok(count) => {
                    self.end += count;
                    self.offset += count as u64;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("reading {}", self.key), error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;
    use crate::store::PutMode;
    use crate::store::memory::MemoryStore;

    fn stored(text: &[u8]) -> (MemoryStore, Key) {
        let (store, key) = (MemoryStore::new(), Key::trusted("x"));
        store.create_root(Durability::Durable).unwrap();
        let staged = store
            .upload("area", &key, &mut &*text, 0, PutMode::IfAbsent)
            .unwrap();
        store
            .finish(
                vec![(staged, key.clone())],
                PutMode::IfAbsent,
                Durability::Durable,
            )
            .unwrap();
        (store, key)
    }

    #[test]
    fn a_text_is_complete_however_it_is_split() {
        let text: Vec<u8> = (0..700_000u32).map(|n| (n % 251) as u8).collect();
        let (store, key) = stored(&text);
        let mut buffer = Vec::new();
        // Nothing taken at all makes the buffer grow.
        for most in [usize::MAX, 100_000, 0] {
            let mut pieces = Pieces::open(&store, &key, 1 << 20, &mut buffer).unwrap();
            let mut taken = Vec::new();
            while pieces.more().unwrap() {
                let count = pieces.text().len().min(most);
                taken.extend_from_slice(&pieces.text()[..count]);
                pieces.take(count);
            }
            assert_eq!(pieces.crc32c().0, crc32c::crc32c(&taken));
            assert_eq!(pieces.size_bytes(), text.len() as u64);
            taken.extend_from_slice(pieces.text());
            assert_eq!(taken, text);
        }
        let mut held = Pieces::open(&store, &key, 1 << 20, &mut buffer)
            .unwrap()
            .held_at_most(PIECE_BYTES);
        assert!(held.more().unwrap());
        assert_eq!(held.more().unwrap_err().kind(), crate::ErrorKind::Corrupt);
        let refused = Pieces::open(&store, &key, text.len() as u64 - 1, &mut buffer);
        assert_eq!(refused.err().unwrap().kind(), crate::ErrorKind::Corrupt);
    }
}
