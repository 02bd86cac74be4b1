//! The contract of [`stonekeep::store`] as checks that every store must pass.

#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]

mod files;
mod holding;
mod staging;

use stonekeep::store::{Durability, Key, PutMode, Store, Upload};

/// Opens one more handle on the same place, as another process would.
pub type Place = Box<dyn Fn() -> Store>;

type Check = fn(&Place);

/// Runs every check on a place of its own, which `fresh` makes: empty, without a root.
///
/// # Panics
/// Where a check fails; it names the check.
pub fn run(fresh: impl Fn() -> Place) {
    for checks in [files::CHECKS, staging::CHECKS, holding::CHECKS] {
        for &(sentence, check) in checks {
            let place = fresh();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&place)));
            assert!(outcome.is_ok(), "the store does not keep this: {sentence}");
        }
    }
}

/// A handle on a place whose root has been made.
fn made(place: &Place) -> Store {
    let store = place();
    store.create_root(Durability::Durable).unwrap();
    store
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn stage(store: &Store, area: &str, path: &str, content: &[u8]) -> Upload {
    store
        .upload(area, &key(path), &mut &*content, content.len() as u64)
        .unwrap()
}

/// Makes a visible file.
fn put(store: &Store, path: &str, content: &[u8]) {
    let staged = stage(store, "put", path, content);
    let taken = store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, Durability::Buffered)
        .unwrap();
    assert_eq!(taken, []);
}

fn content(store: &Store, path: &str) -> Vec<u8> {
    store.read(&key(path), 1 << 20).unwrap()
}

/// The names in a directory, sorted.
fn names(store: &Store, directory: &str) -> Vec<String> {
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
