//! The files of a store.

use std::collections::BTreeMap;
use std::io::Read as _;

use stonekeep::store::{EntryKind, Key, ObjectReader, Store};

/// Files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All files of a store.
pub fn files_of(store: &Store) -> Files {
    let mut files = Files::new();
    let mut directories: Vec<Option<Key>> = vec![None];
    while let Some(directory) = directories.pop() {
        for entry in store.list(directory.as_ref()).unwrap() {
            let key = match &directory {
                None => Key::new(entry.name.as_str()).unwrap(),
                Some(above) => above.join(&entry.name).unwrap(),
            };
            if entry.kind == EntryKind::Directory {
                directories.push(Some(key));
                continue;
            }
            let (object, mut bytes) = (store.open(&key).unwrap(), Vec::new());
            ObjectReader::new(object.as_ref())
                .read_to_end(&mut bytes)
                .unwrap();
            files.insert(key.to_string(), bytes);
        }
    }
    files
}
