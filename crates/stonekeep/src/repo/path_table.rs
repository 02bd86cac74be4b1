//! Paths, each held once in little room, and found again by their text.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// See the [module](self). Paths count from 0, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathTable {
    /// All paths, one behind the other.
    text: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    by_text: HashTable<u32>,
    hasher: RandomState,
}

impl PathTable {
    /// With room for so many paths.
    pub(crate) fn with_capacity(paths: usize) -> Self {
        PathTable {
            ends: Vec::with_capacity(paths),
            by_text: HashTable::with_capacity(paths),
            ..PathTable::default()
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The path of this number; empty if there is none.
    pub(crate) fn at(&self, number: usize) -> &[u8] {
        self.texts().at(number)
    }

    /// The number of a path, if it is there.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        let texts = self.texts();
        let is_it = |number: &u32| texts.at(*number as usize) == path;
        let found = self.by_text.find(self.hasher.hash_one(path), is_it);
        found.map(|number| *number as usize)
    }

    /// Adds a path that is not there; gives its number.
    pub(crate) fn push(&mut self, path: &[u8]) -> usize {
        let number = self.ends.len();
        self.text.extend_from_slice(path);
        self.ends.push(self.text.len());
        let (texts, hasher) = (Texts(&self.text, &self.ends), &self.hasher);
        let hash_of = |number: &u32| hasher.hash_one(texts.at(*number as usize));
        // A number for each of four thousand million paths takes more memory than there is.
        self.by_text
            .insert_unique(hasher.hash_one(path), number as u32, hash_of);
        number
    }

    fn texts(&self) -> Texts<'_> {
        Texts(&self.text, &self.ends)
    }
}

/// Texts that stand one behind the other, with their ends.
#[derive(Clone, Copy)]
struct Texts<'a>(&'a [u8], &'a [usize]);

impl<'a> Texts<'a> {
    fn at(self, number: usize) -> &'a [u8] {
        let before = number.checked_sub(1).and_then(|before| self.1.get(before));
        let end = self.1.get(number).copied().unwrap_or_default();
        self.0
            .get(before.copied().unwrap_or_default()..end)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_again() {
        let path = |n: usize| format!("shared_checksum/{n:06}_{n}_980.sst");
        let mut table = PathTable::with_capacity(10);
        for n in 0..5_000 {
            assert_eq!(table.find(path(n).as_bytes()), None);
            assert_eq!(table.push(path(n).as_bytes()), n);
        }
        assert_eq!(table.len(), 5_000);
        for n in 0..5_000 {
            assert_eq!(table.find(path(n).as_bytes()), Some(n));
            assert_eq!(table.at(n), path(n).as_bytes());
        }
        assert_eq!((table.find(b""), table.at(5_000)), (None, &b""[..]));
    }
}
