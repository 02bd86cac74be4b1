//! Whether every file of a backup that is about to be committed has its name: one listing for each directory.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::Result;
use crate::repo::catalog::LoadedMeta;
use crate::store::{EntryKind, Key, Store};

/// The names that must be there.
pub(super) struct LastLook {
    /// By directory; each name with its place in the meta file.
    wanted: HashMap<String, HashMap<String, usize, RandomState>>,
}

impl LastLook {
    /// For the files that this meta file names, excluded ones left out.
    pub(super) fn at(loaded: &LoadedMeta) -> Self {
        let mut wanted: HashMap<String, HashMap<String, usize, RandomState>> = HashMap::new();
        let files = loaded.meta.files.iter().filter(|file| !file.excluded);
        for (place, file) in files.enumerate() {
            let path = file.path.to_string();
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let names = match wanted.get_mut(directory) {
                Some(names) => names,
                None => wanted.entry(directory.to_owned()).or_default(),
            };
            names.insert(name.to_owned(), place);
        }
        LastLook { wanted }
    }

    /// The path of one that is not there.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn missing(&self, store: &dyn Store) -> Result<Option<String>> {
        for (directory, names) in &self.wanted {
            let mut seen = vec![false; self.largest_place() + 1];
            store.visit_names(&Key::new(&**directory)?, &mut |name, kind| {
                let place = names.get(name).filter(|_| kind == EntryKind::File);
                if let Some(seen) = place.and_then(|place| seen.get_mut(*place)) {
                    *seen = true;
                }
            })?;
            let is_missing = |place: &usize| seen.get(*place) == Some(&false);
            if let Some((name, _)) = names.iter().find(|(_, place)| is_missing(place)) {
                return Ok(Some(format!("{directory}/{name}")));
            }
        }
        Ok(None)
    }

    fn largest_place(&self) -> usize {
        let places = self.wanted.values().flat_map(HashMap::values);
        places.copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use stonekeep_format::BackupId;

    use super::*;
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
        let look = LastLook::at(&loaded);
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
            assert_eq!(look.missing(&store).unwrap(), Some(path.clone()));
            put(&store, &path);
        }
    }
}
