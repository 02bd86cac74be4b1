//! A place on which the checks open stores, and what they do there repeatedly.

use stonekeep::store::{Durability, Key, PutMode, Store, Upload};

/// Opens one more handle on the same place, as another process would.
pub type Place = Box<dyn Fn() -> Store>;

pub(super) type Check = fn(&Place);

/// A handle on a place whose root has been made.
pub(super) fn made(place: &Place) -> Store {
    let store = place();
    store.create_root(Durability::Durable).unwrap();
    store
}

pub(super) fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

pub(super) fn stage(store: &Store, area: &str, path: &str, content: &[u8]) -> Upload {
    store
        .upload(
            area,
            &key(path),
            &mut &*content,
            content.len() as u64,
            PutMode::IfAbsent,
        )
        .unwrap()
}

/// Makes a visible file.
pub(super) fn put(store: &Store, path: &str, content: &[u8]) {
    let staged = stage(store, "put", path, content);
    let taken = store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, Durability::Buffered)
        .unwrap();
    assert_eq!(taken, []);
}

pub(super) fn content(store: &Store, path: &str) -> Vec<u8> {
    store.read(&key(path), 1 << 20).unwrap()
}

/// The names in a directory, sorted.
pub(super) fn names(store: &Store, directory: &str) -> Vec<String> {
    let entries = store.list(Some(&key(directory))).unwrap();
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

/// What a run has uploaded and not finished.
pub fn uploads(store: &Store, run: &str) -> Vec<Upload> {
    let leftovers = store.leftovers().unwrap().into_iter();
    let of_run = leftovers.filter(|leftover| leftover.run == run);
    of_run.flat_map(|leftover| leftover.uploads).collect()
}

/// The runs that have uploaded something and not finished it, sorted.
pub fn runs(store: &Store) -> Vec<String> {
    let leftovers = store.leftovers().unwrap().into_iter();
    let mut runs: Vec<String> = leftovers.map(|leftover| leftover.run).collect();
    runs.sort();
    runs
}
