//! A restore that lists the repository just before its backup is complete.

use std::sync::{Arc, Mutex};

use stonekeep::engine::RestoreOptions;
use stonekeep::store::{Interceptor, Key, Operation, Refusal, Store};

use crate::restore::scene::TwoStates;
use crate::support::scene::{key, named, put};

/// Shared files are not there yet while they are listed, and are afterwards.
#[derive(Debug)]
struct Late {
    store: Store,
    files: Vec<(String, Vec<u8>)>,
    listings: Mutex<u32>,
}

impl Late {
    fn is_listing(operation: &Operation) -> bool {
        matches!(operation, Operation::List(Some(directory)) if directory.as_str() == "shared_checksum")
    }
}

impl Interceptor for Late {
    fn before(&self, operation: &Operation) -> Result<(), Refusal> {
        if Late::is_listing(operation) {
            *self.listings.lock().unwrap() += 1;
            let keys: Vec<Key> = self.files.iter().map(|(path, _)| key(path)).collect();
            self.store.delete(&keys);
        }
        Ok(())
    }

    fn after(&self, operation: &Operation) {
        if Late::is_listing(operation) {
            for (path, bytes) in &self.files {
                put(&self.store, path, bytes);
            }
        }
    }
}

#[test]
fn files_that_were_listed_too_early_are_not_missing() {
    let mut two = TwoStates::new();
    let paths = named(&two.store, 1).into_iter();
    let shared = paths.filter(|path| path.starts_with("shared_checksum/"));
    let files: Vec<_> = shared
        .map(|path| (path.clone(), two.store.read(&key(&path), 1 << 20).unwrap()))
        .collect();
    assert!(files.len() > 2);
    let late = Arc::new(Late {
        store: two.store.clone(),
        files,
        listings: Mutex::new(0),
    });
    two.store = two.store.intercepted_by(late.clone());
    two.restore(1, &RestoreOptions::default()).unwrap();
    two.assert_restored(1, "listed too early");
    assert!(*late.listings.lock().unwrap() > 0);
}
