//! Paths of the files that backups share, each held once, in little room.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use stonekeep_format::FileNumber;
use stonekeep_format::backup_name::{RepoPath, SharedKind};
use stonekeep_format::file_name::{DbFileName, TableExtension};

use super::layout;
use super::path_table::PathTable;
use super::stored_files::{PrivateFiles, StoredEntry};
use crate::Result;
use crate::store::{Detail, Store};

/// Which path of [`Names`]: they count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

impl NameId {
    /// No path has this one.
    pub(super) const NONE: NameId = NameId(u32::MAX);

    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Paths of shared files as meta files spell them: 200,000 of them take 20 MiB. One that is known is found without being
/// taken apart.
#[derive(Debug, Clone, Default)]
pub struct Names {
    paths: PathTable,
    /// What is known of each.
    all: Vec<Name>,
    /// The first path of each name in a database.
    by_restored: HashTable<NameId>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    restored: Restored,
    /// The first path that is restored under the same name.
    first: NameId,
    is_plain: bool,
    found: Option<StoredEntry>,
}

/// The name of a shared file in a database.
type Restored = (FileNumber, SharedKind);

impl Names {
    /// What stands in the directories of shared files, without names that no backup can have. *Plain* are regular files
    /// of the size that their names tell.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn list(store: &Store) -> Result<Self> {
        let mut names = Names::default();
        for directory in [layout::shared_directory(), layout::shared_checksum_directory()] {
            store.visit(Some(&directory), Detail::Sizes, &mut |entry| {
                let text = format!("{directory}/{}", entry.name);
                let Some(path) = RepoPath::parse(&text) else {
                    return;
                };
                let found = StoredEntry {
                    kind: entry.kind,
                    size_bytes: Some(entry.size_bytes),
                };
                if let Some(name) = names.enter(&path, text.as_bytes()) {
                    name.found = Some(found);
                    name.is_plain = path.size_bytes().map(StoredEntry::file) == Some(found);
                }
            })?;
        }
        Ok(names)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = NameId> + use<> {
        (0..self.all.len() as u32).map(NameId)
    }

    /// The path's id, if it is among them.
    pub fn find(&self, path: &[u8]) -> Option<NameId> {
        self.paths.find(path).map(|number| NameId(number as u32))
    }

    /// The path; empty if there is none of that id.
    pub fn path(&self, id: NameId) -> &[u8] {
        self.paths.at(id.index())
    }

    /// Whether there is no more to know of the file than its path.
    pub fn is_plain(&self, id: NameId) -> bool {
        self.all.get(id.index()).is_some_and(|name| name.is_plain)
    }

    /// What stood there when the directories were listed.
    pub fn found(&self, id: NameId) -> Option<StoredEntry> {
        self.all.get(id.index())?.found
    }

    /// What is stored under this path, which may be one of a backup's private files.
    pub fn stored(&self, path: &RepoPath, private: &PrivateFiles) -> Option<StoredEntry> {
        match path {
            RepoPath::Private(_) => private.get(path),
            RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => {
                self.found(self.find(path.to_string().as_bytes())?)
            }
        }
    }

    /// The first path with the same name in a database.
    pub fn first(&self, id: NameId) -> NameId {
        self.all.get(id.index()).map_or(id, |name| name.first)
    }

    /// The first path with this name in a database.
    pub fn first_restored_as(&self, name: &DbFileName) -> Option<NameId> {
        let restored = restored(name)?;
        let is_it = |id: &NameId| self.restored(*id) == Some(restored);
        self.by_restored
            .find(self.hasher.hash_one(restored), is_it)
            .copied()
    }

    /// Adds the path of a shared file, of which more has to be known; nothing happens if it is there already. `None` for
    /// one that is private.
    pub fn insert(&mut self, path: &RepoPath) -> Option<NameId> {
        let text = path.to_string();
        if let Some(known) = self.find(text.as_bytes()) {
            return Some(known);
        }
        self.enter(path, text.as_bytes())?;
        Some(NameId(self.all.len() as u32 - 1))
    }

    /// The same, of which no more has to be known.
    pub fn insert_plain(&mut self, path: &RepoPath) -> Option<NameId> {
        let id = self.insert(path)?;
        if let Some(name) = self.all.get_mut(id.index()) {
            name.is_plain = true;
        }
        Some(id)
    }

    /// Adds a path that is not there.
    fn enter(&mut self, path: &RepoPath, text: &[u8]) -> Option<&mut Name> {
        path.shared_name()?;
        let name = path.restored_name();
        let restored = restored(&name)?;
        let id = NameId(self.paths.push(text) as u32);
        let known = self.first_restored_as(&name);
        self.all.push(Name {
            restored,
            first: known.unwrap_or(id),
            is_plain: false,
            found: None,
        });
        if known.is_none() {
            let (hasher, all) = (&self.hasher, &self.all);
            let hash_of = |id: &NameId| {
                all.get(id.index())
                    .map_or(0, |name| hasher.hash_one(name.restored))
            };
            self.by_restored.insert_unique(hash_of(&id), id, hash_of);
        }
        self.all.last_mut()
    }

    fn restored(&self, id: NameId) -> Option<Restored> {
        Some(self.all.get(id.index())?.restored)
    }
}

/// `None` for what backups do not share.
fn restored(name: &DbFileName) -> Option<Restored> {
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
    fn paths_are_held_once_and_found_again() {
        let mut names = Names::default();
        let text = |n: u32| format!("shared_checksum/{n:06}_{n}_980.sst");
        for _ in 0..2 {
            for n in 0..5_000 {
                let id = names.insert(&path(&text(n))).unwrap();
                assert_eq!(id.index(), n as usize);
            }
        }
        assert_eq!(names.len(), 5_000);
        for n in 0..5_000 {
            let id = names.find(text(n).as_bytes()).unwrap();
            assert_eq!((id.index(), names.path(id)), (n as usize, text(n).as_bytes()));
            assert_eq!((names.is_plain(id), names.found(id)), (false, None));
        }
        assert_eq!(names.find(b"shared_checksum/005000_5000_980.sst"), None);
        assert_eq!(names.find(b""), None);
        assert_eq!(names.path(NameId::NONE), b"");
        assert_eq!(names.insert(&path("private/1/000001.sst")), None);
    }

    #[test]
    fn paths_of_one_name_in_the_database_belong_together() {
        let mut names = Names::default();
        let mut insert = |text: &str| names.insert_plain(&path(text)).unwrap();
        let first = insert("shared_checksum/000008_1_980.sst");
        let same = insert("shared/8.sst");
        let blob = insert("shared_checksum/000008_1_980.blob");
        assert_eq!(
            [first, same, blob].map(|id| names.first(id)),
            [first, first, blob]
        );
        let of = |name: &str| names.first_restored_as(&DbFileName::parse(name).unwrap());
        assert_eq!(of("000008.sst"), Some(first));
        assert_eq!(of("000008.blob"), Some(blob));
        assert_eq!([of("000008.ldb"), of("000009.sst"), of("CURRENT")], [None; 3]);
        assert!(names.is_plain(first));
    }
}
