//! Whether every file of a backup that is about to be committed has its name: one listing for each directory.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;

use crate::Result;
use crate::repo::layout;
use crate::store::{EntryKind, Key, Store};

/// The files that must be there, each found by its path.
pub(super) struct LastLook<'a> {
    files: &'a [MetaFile],
    directories: BTreeSet<Key>,
    by_path: HashTable<usize>,
    hasher: RandomState,
}

impl<'a> LastLook<'a> {
    /// For these files; excluded ones are not looked for.
    ///
    /// # Errors
    /// `InvalidArgument` for names that no stored file can have.
    pub(super) fn at(files: &'a [MetaFile]) -> Result<Self> {
        let mut look = LastLook {
            files,
            directories: BTreeSet::new(),
            by_path: HashTable::with_capacity(files.len()),
            hasher: RandomState::default(),
        };
        let mut directory = None;
        for (place, file) in files.iter().enumerate().filter(|(_, file)| !file.excluded) {
            let hash_of = |place: &usize| {
                files
                    .get(*place)
                    .map_or(0, |file| look.hasher.hash_one(&file.path))
            };
            look.by_path.insert_unique(hash_of(&place), place, hash_of);
            // Most files are in the directory of the one before.
            let this = directory_of(&file.path);
            if directory != Some(this) {
                look.directories.extend(layout::file(&file.path)?.parent());
                directory = Some(this);
            }
        }
        Ok(look)
    }

    /// The path of one that is not there.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn missing(&self, store: &dyn Store) -> Result<Option<&'a RepoPath>> {
        let mut seen = vec![false; self.files.len()];
        let mut path = String::new();
        for directory in &self.directories {
            store.visit_names(directory, &mut |name, kind| {
                path.clear();
                let spelt = write!(path, "{directory}/{name}").is_ok();
                let found = RepoPath::parse(&path).filter(|_| spelt && kind == EntryKind::File);
                let place = found.and_then(|path| self.place(&path));
                if let Some(seen) = place.and_then(|place| seen.get_mut(place)) {
                    *seen = true;
                }
            })?;
        }
        let mut files = self.files.iter().zip(seen);
        let missing = files.find(|(file, seen)| !seen && !file.excluded);
        Ok(missing.map(|(file, _)| &file.path))
    }

    fn place(&self, path: &RepoPath) -> Option<usize> {
        let is_it = |place: &usize| self.files.get(*place).is_some_and(|file| file.path == *path);
        self.by_path.find(self.hasher.hash_one(path), is_it).copied()
    }
}

/// Tells directories apart: which kind, and whose.
fn directory_of(path: &RepoPath) -> (u8, u32) {
    match path {
        RepoPath::Shared(_) => (0, 0),
        RepoPath::SharedChecksum(_) => (1, 0),
        RepoPath::Private(name) => (2, name.backup().get()),
    }
}

#[cfg(test)]
mod tests {
    use stonekeep_format::BackupId;

    use super::*;
    use crate::repo::catalog::LoadedMeta;
    use crate::store::memory::MemoryStore;
    use crate::store::{Durability, Staged};

    const META: &[u8] = b"1\n1\n3\nshared_checksum/000001_s0W34WQC9EHOEMVZM8NTJ_3.sst crc32 1\n\
        private/1/CURRENT crc32 2\nprivate/1/MANIFEST-000004 crc32 3\n";

    fn put(store: &MemoryStore, path: &str) {
        let key = Key::new(path).unwrap();
        let staged: Staged = store.stage("1", &key, &mut &b"abc"[..], 3).unwrap();
        let taken = store.publish(vec![(staged, key)], Durability::Buffered).unwrap();
        assert!(taken.is_empty());
    }

    #[test]
    fn each_file_is_missed() {
        let loaded = LoadedMeta::decode(BackupId::FIRST, META).unwrap();
        let look = LastLook::at(&loaded.meta.files).unwrap();
        let store = MemoryStore::default();
        store.create_root(Durability::Buffered).unwrap();
        let mut paths: Vec<String> = loaded
            .meta
            .files
            .iter()
            .map(|file| file.path.to_string())
            .collect();
        paths.iter().for_each(|path| put(&store, path));
        put(&store, "private/1/another");
        assert_eq!(look.missing(&store).unwrap(), None);
        while let Some(path) = paths.pop() {
            store.delete(&Key::new(&*path).unwrap()).unwrap();
            assert_eq!(look.missing(&store).unwrap().unwrap().to_string(), path);
            put(&store, &path);
        }
    }
}
