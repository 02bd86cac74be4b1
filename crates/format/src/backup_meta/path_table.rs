//! Paths of stored files, each held once in little memory, and found again by its text.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::FileNumber;
use crate::backup_name::{RepoPath, SharedKind};
use crate::file_name::{DbFileName, TableExtension};

/// Which path of a [`PathTable`]: they count from 0 in the order in which they are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(u32);

impl PathId {
    /// No path has this one.
    pub(super) const NONE: PathId = PathId(u32::MAX);

    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Paths as meta files spell them: two spellings of one name are two paths. 100,000 of them take about 9 MiB.
#[derive(Debug, Clone, Default)]
pub struct PathTable {
    /// All paths, one after the other.
    text: Vec<u8>,
    entries: Vec<Entry>,
    by_text: HashTable<PathId>,
    /// The first path of each shared file's name in the database.
    by_name: HashTable<PathId>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where the path ends.
    end: usize,
    name: Option<SharedFile>,
    first: PathId,
}

/// What a shared file is named in the database.
type SharedFile = (FileNumber, SharedKind);

impl PathTable {
    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Frees what is kept for more paths.
    pub fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = PathId> + use<> {
        (0..self.entries.len() as u32).map(PathId)
    }

    /// The path; empty if there is none of that id.
    pub fn path(&self, id: PathId) -> &[u8] {
        text_at(&self.text, &self.entries, id)
    }

    /// The path, parsed; `None` if there is none of that id.
    pub fn repo_path(&self, id: PathId) -> Option<RepoPath> {
        RepoPath::parse(std::str::from_utf8(self.path(id)).ok()?)
    }

    /// The id of a path, if it is in the table.
    pub fn find(&self, path: &[u8]) -> Option<PathId> {
        self.find_hashed(self.hasher.hash_one(path), path)
    }

    /// The id of a parsed path, if it is in the table.
    pub fn find_path(&self, path: &RepoPath) -> Option<PathId> {
        match path.short_text() {
            Some(text) => self.find(text.as_str().as_bytes()),
            None => self.find(path.to_string().as_bytes()),
        }
    }

    fn find_hashed(&self, hash: u64, path: &[u8]) -> Option<PathId> {
        self.by_text.find(hash, |id| self.path(*id) == path).copied()
    }

    /// The id of a path, which is added if it is not in the table.
    pub fn insert(&mut self, path: &RepoPath) -> PathId {
        match path.short_text() {
            Some(text) => self.insert_text(text.as_str().as_bytes(), Some(path)),
            None => self.insert_text(path.to_string().as_bytes(), Some(path)),
        }
    }

    /// The same for a text, which may be no path that a meta file can have.
    pub fn insert_text(&mut self, text: &[u8], path: Option<&RepoPath>) -> PathId {
        let hash = self.hasher.hash_one(text);
        if let Some(id) = self.find_hashed(hash, text) {
            return id;
        }
        let id = PathId(self.entries.len() as u32);
        let shared = path.filter(|path| path.shared_name().is_some());
        let name = shared.and_then(|path| shared_file(&path.restored_name()));
        let first = name.and_then(|name| self.first_of(name));
        self.text.extend_from_slice(text);
        self.entries.push(Entry {
            end: self.text.len(),
            name,
            first: first.unwrap_or(id),
        });
        let (texts, entries, hasher) = (&self.text, &self.entries, &self.hasher);
        let hash_of = |id: &PathId| hasher.hash_one(text_at(texts, entries, *id));
        self.by_text.insert_unique(hash, id, hash_of);
        if name.is_some() && first.is_none() {
            let hash_of = |id: &PathId| hasher.hash_one(entries.get(id.index()).and_then(|entry| entry.name));
            self.by_name.insert_unique(hash_of(&id), id, hash_of);
        }
        id
    }

    /// The first path of the same file name in the database.
    pub fn first(&self, id: PathId) -> PathId {
        self.entries.get(id.index()).map_or(id, |entry| entry.first)
    }

    /// The first path of a shared file with this name in the database.
    pub fn first_named(&self, name: &DbFileName) -> Option<PathId> {
        self.first_of(shared_file(name)?)
    }

    fn first_of(&self, name: SharedFile) -> Option<PathId> {
        let is_it = |id: &PathId| self.name(*id) == Some(name);
        self.by_name
            .find(self.hasher.hash_one(Some(name)), is_it)
            .copied()
    }

    fn name(&self, id: PathId) -> Option<SharedFile> {
        self.entries.get(id.index())?.name
    }

    /// Whether the path is that of a shared file.
    pub(super) fn is_shared(&self, id: PathId) -> bool {
        self.name(id).is_some()
    }
}

fn text_at<'a>(text: &'a [u8], entries: &[Entry], id: PathId) -> &'a [u8] {
    let end_of = |index: usize| entries.get(index).map(|entry| entry.end);
    let start = id.index().checked_sub(1).and_then(end_of).unwrap_or_default();
    let end = end_of(id.index()).unwrap_or_default();
    text.get(start..end).unwrap_or_default()
}

/// `None` for what backups do not share.
fn shared_file(name: &DbFileName) -> Option<SharedFile> {
    match name {
        DbFileName::Table {
            number,
            extension: TableExtension::Sst,
        } => Some((*number, SharedKind::Table)),
        DbFileName::Blob(number) => Some((*number, SharedKind::Blob)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).unwrap()
    }

    #[test]
    fn each_path_is_held_once_and_found_again() {
        let mut paths = PathTable::default();
        let text = |n: u32| format!("shared_checksum/{n:06}_{n}_980.sst");
        for _ in 0..2 {
            for n in 0..5_000 {
                assert_eq!(paths.insert(&path(&text(n))).index(), n as usize);
            }
        }
        assert_eq!(paths.len(), 5_000);
        for n in 0..5_000 {
            let id = paths.find(text(n).as_bytes()).unwrap();
            assert_eq!((id.index(), paths.path(id)), (n as usize, text(n).as_bytes()));
            assert_eq!(paths.repo_path(id), Some(path(&text(n))));
        }
        assert_eq!(paths.find(b"shared_checksum/005000_5000_980.sst"), None);
        assert_eq!(paths.find(b""), None);
        assert_eq!(paths.path(PathId::NONE), b"");
    }

    #[test]
    fn paths_of_one_file_name_in_the_database_share_their_first_path() {
        let mut paths = PathTable::default();
        let mut insert = |text: &str| paths.insert(&path(text));
        let first = insert("shared_checksum/000008_1_980.sst");
        let same = insert("shared/8.sst");
        let blob = insert("shared_checksum/000008_1_980.blob");
        let private = insert("private/1/000008.sst");
        let firsts = [first, same, blob, private].map(|id| paths.first(id));
        assert_eq!(firsts, [first, first, blob, private]);
        let of = |name: &str| paths.first_named(&DbFileName::parse(name).unwrap());
        assert_eq!(of("000008.sst"), Some(first));
        assert_eq!(of("000008.blob"), Some(blob));
        assert_eq!([of("000008.ldb"), of("000009.sst"), of("CURRENT")], [None; 3]);
        assert_eq!([first, private].map(|id| paths.is_shared(id)), [true, false]);
    }
}
