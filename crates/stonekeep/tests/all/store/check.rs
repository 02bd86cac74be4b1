//! Trying what a store promises leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::memory::InMemory;
use stonekeep::store::check::{StoreCheck, Verdict};
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::remote::{RemoteStore, WebStore};
use stonekeep::store::{Durability, Entry, Interceptor, Operation, Refusal, Store};
use stonekeep::{Error, ErrorKind, LocalStore, Observer, Progress, Quiet};

use crate::support::scene::{Scene, directory};

fn verdict(check: &StoreCheck, name: &str) -> Verdict {
    let found = check.promises.iter().find(|promise| promise.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {check:?}")).verdict
}

fn names(store: &Store) -> Vec<String> {
    let entries: Vec<Entry> = store.list(None).unwrap();
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

fn remote() -> Store {
    RemoteStore::new(Arc::new(InMemory::new()), "p", "a test")
        .unwrap()
        .into()
}

#[test]
fn a_directory_is_tried_and_left_as_it_was() {
    let scene = Scene::new();
    let store = directory(&scene);
    scene.create(&store).unwrap();
    let before = crate::support::scene::files(&store);
    let check = store.check(&Quiet).unwrap();
    assert!(check.is_usable(), "{check:?}");
    for name in [
        "read after write",
        "list after write",
        "ranged reads",
        "large files",
        "locks",
        "syncs",
        "delete",
    ] {
        assert_eq!(verdict(&check, name), Verdict::Honoured, "{name}: {check:?}");
    }
    assert_eq!(crate::support::scene::files(&store), before);
    assert!(!scene.path("repository/stonekeep/check").exists());
    // A directory without a repository stays empty.
    let empty = scene.path("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(
        Store::from(LocalStore::new(&empty))
            .check(&Quiet)
            .unwrap()
            .is_usable()
    );
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
    let absent = Store::from(LocalStore::new(scene.path("absent")));
    assert_eq!(absent.check(&Quiet).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_object_store_is_tried_and_left_as_it_was() {
    let store = remote();
    let check = store.check(&Quiet).unwrap();
    assert!(check.is_usable(), "{check:?}");
    for name in ["create if absent", "clock", "large files", "delete"] {
        assert_eq!(verdict(&check, name), Verdict::Honoured, "{name}: {check:?}");
    }
    assert_eq!(verdict(&check, "signed requests"), Verdict::Unknown);
    assert_eq!(names(&store), Vec::<String>::new());
}

#[test]
fn what_can_only_be_read_has_nothing_to_try() {
    let store = Store::from(WebStore::open("https://host.invalid/p", &[]).unwrap());
    assert_eq!(store.check(&Quiet).unwrap_err().kind(), ErrorKind::Unsupported);
}

/// A store that refuses one put.
#[derive(Debug)]
struct Full(AtomicUsize);

impl Interceptor for Full {
    fn before(&self, operation: &Operation) -> Result<(), Refusal> {
        let is_put = matches!(operation, Operation::Put { .. });
        if is_put && self.0.fetch_add(1, Ordering::SeqCst) == 40 {
            return Err(Refusal::Fails(Error::refused("a quota is exhausted")));
        }
        Ok(())
    }
}

struct StopsAfter(AtomicUsize);

impl Observer for StopsAfter {
    fn progressed(&self, _: &Progress) {}

    fn should_stop(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

#[test]
fn a_failure_and_a_stop_leave_nothing_behind() {
    for store in [
        remote(),
        Store::from(MemoryStore::new()),
        Store::from(MemoryStore::with_named_uploads()),
    ] {
        if store.parallelism() == stonekeep::store::Parallelism::Cores {
            store.create_root(Durability::Buffered).unwrap();
        }
        let failing = store.intercepted_by(Arc::new(Full(AtomicUsize::new(0))));
        let error = failing.check(&Quiet).unwrap_err();
        assert!(error.to_string().contains("quota"), "{error}");
        assert_eq!(names(&store), Vec::<String>::new());
        for calls in [1, 2, 50] {
            let stopped = store.check(&StopsAfter(AtomicUsize::new(calls))).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Stopped);
            assert_eq!(names(&store), Vec::<String>::new(), "after {calls} calls");
        }
    }
}

/// Credentials that may not do one kind of operation.
#[derive(Debug)]
struct MayNot(fn(&Operation) -> bool);

impl Interceptor for MayNot {
    fn before(&self, operation: &Operation) -> Result<(), Refusal> {
        if (self.0)(operation) {
            let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(Refusal::Fails(Error::io(format!("{operation}: 403"), refused)));
        }
        Ok(())
    }
}

#[test]
fn a_missing_permission_is_named() {
    let store = remote();
    for (may_not, named) in [
        (
            MayNot(|operation| matches!(operation, Operation::Put { .. })),
            "put ",
        ),
        (
            MayNot(|operation| matches!(operation, Operation::Open(_))),
            "open ",
        ),
        (
            MayNot(|operation| matches!(operation, Operation::Delete(_))),
            "delete ",
        ),
    ] {
        let check = store.intercepted_by(Arc::new(may_not)).check(&Quiet).unwrap();
        assert!(!check.is_usable(), "{check:?}");
        let denied = &check.promises[0];
        assert_eq!((denied.name, denied.verdict), ("permissions", Verdict::Broken));
        assert!(denied.seen.contains(named), "{check:?}");
        assert!(denied.follows.contains("permissions to list"), "{check:?}");
    }
    let may_not = MayNot(|operation| matches!(operation, Operation::List(_)));
    let error = store.intercepted_by(Arc::new(may_not)).check(&Quiet).unwrap_err();
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::PermissionDenied));
}
