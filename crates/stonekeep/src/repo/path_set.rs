//! A set of paths of one table, one bit for each path.

use stonekeep_format::backup_meta::PathId;

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct PathSet(Vec<u64>);

impl PathSet {
    /// Adds a path; whether it was not in the set before.
    pub fn insert(&mut self, id: PathId) -> bool {
        let (word, bit) = place(id);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Adds all paths of another set.
    pub fn insert_all(&mut self, other: &PathSet) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// Whether the path is in the set.
    pub fn contains(&self, id: PathId) -> bool {
        let (word, bit) = place(id);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

fn place(id: PathId) -> (usize, u64) {
    (id.index() / 64, 1 << (id.index() % 64))
}
