//! Whether every file of a backup that is about to be committed has its name, and is the one that was uploaded, as far as the store
//! can tell: one listing for each directory.

use std::collections::BTreeSet;

use stonekeep_format::backup_meta::PathTable;
use stonekeep_format::backup_name::RepoPath;

use crate::Result;
use crate::repo::layout;
use crate::store::{Detail, EntryKind, Key, Store};

/// The files that must be there, each found by its path. The paths are compared as they are written: what RocksDB would
/// read as the same name is another file.
pub(in crate::engine) struct LastLook {
    files: PathTable,
    directories: BTreeSet<Key>,
}

impl LastLook {
    /// For these files.
    ///
    /// # Errors
    /// `InvalidArgument` for names that no stored file can have.
    pub(in crate::engine) fn at<'p>(paths: impl Iterator<Item = &'p RepoPath>) -> Result<Self> {
        let mut look = LastLook {
            files: PathTable::default(),
            directories: BTreeSet::new(),
        };
        let mut directory = None;
        for path in paths {
            look.files.insert(path);
            // Most files are in the directory of the one before.
            let this = directory_of(path);
            if directory != Some(this) {
                look.directories.extend(layout::file(path)?.parent());
                directory = Some(this);
            }
        }
        Ok(look)
    }

    /// The path of one that is not there.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::engine) fn missing(&self, store: &Store) -> Result<Option<String>> {
        let (mut seen, mut path) = (vec![false; self.files.len()], String::new());
        for directory in &self.directories {
            store.visit(Some(directory), Detail::AsUploaded, &mut |entry| {
                path.clear();
                path.extend([directory.as_str(), "/", &entry.name]);
                let found = self.files.find(path.as_bytes());
                if let Some(seen) = found.and_then(|id| seen.get_mut(id.index())) {
                    *seen = entry.kind == EntryKind::File;
                }
            })?;
        }
        // The listing of an object store may lack a file that is there.
        let missing = self.files.ids().zip(seen).filter(|(_, seen)| !seen);
        let mut missing = missing.map(|(id, _)| String::from_utf8_lossy(self.files.path(id)).into_owned());
        missing.try_fold(None, |found, path| match found {
            Some(path) => Ok(Some(path)),
            None => Ok(store.stat(&Key::new(&*path)?)?.is_none().then_some(path)),
        })
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
    use crate::store::PutMode;
    use crate::store::memory::MemoryStore;
    use crate::store::{Durability, Upload};

    const META: &[u8] = b"1\n1\n3\nshared_checksum/000001_s0W34WQC9EHOEMVZM8NTJ_3.sst crc32 1\n\
        private/1/CURRENT crc32 2\nprivate/1/MANIFEST-000004 crc32 3\n";

    fn put(store: &MemoryStore, path: &str) {
        let key = Key::new(path).unwrap();
        let staged: Upload = store
            .upload("1", &key, &mut &b"abc"[..], 3, PutMode::IfAbsent)
            .unwrap();
        let taken = store
            .finish(vec![(staged, key)], PutMode::IfAbsent, Durability::Buffered)
            .unwrap();
        assert!(taken.is_empty());
    }

    #[test]
    fn each_file_is_missed() {
        let loaded = LoadedMeta::decode(BackupId::FIRST, META).unwrap();
        let look = LastLook::at(loaded.meta.files.iter().map(|file| &file.path)).unwrap();
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
            store.delete_one(&Key::new(&*path).unwrap()).unwrap();
            assert_eq!(look.missing(&store).unwrap().unwrap(), path);
            put(&store, &path);
        }
    }
}
