//! Questions for the shared files while a thread lists them, in every order: they are listed once, and not after the run.

use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::thread;

use super::*;
use crate::store::memory::MemoryStore;
use crate::store::{Durability, Interceptor, Operation, Refusal};
use crate::sync::in_every_order;

/// Counts listings of shared files, and allows none after the end.
#[derive(Debug, Default)]
struct Listings {
    count: AtomicUsize,
    has_ended: AtomicBool,
}

impl Interceptor for Listings {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        if *operation == Operation::List(Some(layout::shared_checksum_directory())) {
            assert!(!self.has_ended.load(Ordering::SeqCst), "listed after the run");
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

fn store(listings: &Arc<Listings>) -> Store {
    let store = Store::from(MemoryStore::new());
    store.create_root(Durability::Durable).unwrap();
    store.intercepted_by(Arc::clone(listings) as Arc<dyn Interceptor>)
}

#[test]
fn shared_files_are_listed_once_whoever_asks() {
    in_every_order(|| {
        let listings = Arc::<Listings>::default();
        let store = store(&listings);
        let index = RepositoryIndex::new(&store);
        thread::scope(|scope| {
            scope.spawn(|| index.begin_listing());
            scope.spawn(|| index.shared().map(drop).unwrap());
            index.shared().map(drop).unwrap();
        });
        assert_eq!(listings.count.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn nothing_is_listed_after_the_run() {
    in_every_order(|| {
        let listings = Arc::<Listings>::default();
        let store = store(&listings);
        let index = RepositoryIndex::new(&store);
        index.begin_listing();
        drop(index);
        listings.has_ended.store(true, Ordering::SeqCst);
    });
}
