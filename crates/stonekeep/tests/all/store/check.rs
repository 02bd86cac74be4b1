//! Trying what a store promises leaves nothing behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::ObjectStore;
use object_store::memory::InMemory;
use stonekeep::store::check::{Promise, StoreCheck, Verdict};
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::remote::{RemoteStore, WebStore};
use stonekeep::store::{Durability, Entry, Interceptor, Key, LocalFile, Object, Operation, Refusal, Store};
use stonekeep::{Error, ErrorKind, LocalStore, Observer, Progress, Quiet};

use crate::support::scene::{Scene, directory};
use crate::support::wrong_listings::{Wrong, WrongListings};

fn verdict(check: &StoreCheck, name: &str) -> Verdict {
    promise(check, name).verdict
}

fn promise<'a>(check: &'a StoreCheck, name: &str) -> &'a Promise {
    let found = check.promises.iter().find(|promise| promise.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {check:?}"))
}

fn names(store: &Store) -> Vec<String> {
    let entries: Vec<Entry> = store.list(None).unwrap();
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

fn over(objects: Arc<dyn ObjectStore>) -> Store {
    RemoteStore::new(objects, "p", "a test").unwrap().into()
}

fn remote() -> Store {
    over(Arc::new(InMemory::new()))
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

/// Gives other bytes than those of the files that have this in their path.
#[derive(Debug)]
struct Spoils(&'static str);

impl Interceptor for Spoils {
    fn before(&self, _: &Operation) -> Result<(), Refusal> {
        Ok(())
    }

    fn opened(&self, key: &Key, object: Box<dyn Object>) -> stonekeep::Result<Box<dyn Object>> {
        if key.as_str().contains(self.0) {
            return Ok(Box::new(Spoiled(object)));
        }
        Ok(object)
    }
}

struct Spoiled(Box<dyn Object>);

impl Object for Spoiled {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn size_bytes_now(&self) -> io::Result<u64> {
        self.0.size_bytes_now()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.0.read_at(buffer, offset)?;
        buffer[0] ^= 1;
        Ok(count)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

#[test]
fn a_store_that_gives_other_bytes_is_broken() {
    for (path_has, name, seen) in [
        (
            "read-7",
            "read after write",
            "read-7 was read with another content",
        ),
        ("parts-0", "ranged reads", "other bytes at 0"),
        ("large-0", "large files", "20971520 bytes came back as others"),
    ] {
        let store = remote().intercepted_by(Arc::new(Spoils(path_has)));
        let check = store.check(&Quiet).unwrap();
        assert!(!check.is_usable(), "{check:?}");
        let is_broken = |promise: &&Promise| promise.verdict.to_string() == "broken";
        let broken: Vec<_> = check.promises.iter().filter(is_broken).collect();
        assert_eq!(broken.len(), 1, "{check:?}");
        assert_eq!(broken[0].name, name);
        assert!(broken[0].seen.ends_with(seen), "{check:?}");
        assert_eq!(broken[0].follows, "backups are not safe in this store");
        assert_eq!(names(&store), Vec::<String>::new());
    }
}

#[test]
fn a_store_that_does_not_list_new_files_is_broken() {
    let store = over(Arc::new(WrongListings::new(Wrong::Hides("list-"))));
    let check = store.check(&Quiet).unwrap();
    assert!(!check.is_usable(), "{check:?}");
    let lists = promise(&check, "list after write");
    assert_eq!(lists.verdict, Verdict::Broken);
    assert_eq!(lists.seen, "100 of 100 new files were not listed");
    assert_eq!(lists.follows, "backups are not safe in this store");
}

#[test]
fn a_store_that_lists_deleted_files_is_told_from_one_that_cannot_delete() {
    let store = over(Arc::new(WrongListings::new(Wrong::KeepsGhosts)));
    let check = store.check(&Quiet).unwrap();
    let lists = promise(&check, "list after write");
    assert_eq!(lists.verdict, Verdict::Ignored);
    assert_eq!(lists.seen, "100 of 100 deleted files were still listed");
    assert!(lists.follows.contains("ghosts do not block"), "{check:?}");
    let deletes = promise(&check, "delete");
    assert_eq!(deletes.verdict, Verdict::Broken);
    assert!(
        deletes.seen.ends_with("deleted files are still listed"),
        "{check:?}"
    );
    assert_eq!(deletes.follows, "deletions cannot rely on listings");
}

#[test]
fn what_memory_promises_is_what_every_store_must() {
    for store in [MemoryStore::new(), MemoryStore::with_named_uploads()] {
        store.create_root(Durability::Buffered).unwrap();
        let check = store.check(&Quiet).unwrap();
        assert!(check.is_usable(), "{check:?}");
        let names: Vec<_> = check.promises.iter().map(|promise| promise.name).collect();
        let expected = [
            "read after write",
            "list after write",
            "ranged reads",
            "large files",
            "delete",
        ];
        assert_eq!(names, expected);
    }
}
