//! The store in memory: the contract, then what a power failure leaves.

use stonekeep::ErrorKind;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, LockWait, Persist, PinState, Put, PutContent, PutMode, Upload};
use stonekeep_testkit::store_conformance;
use stonekeep_testkit::store_conformance::uploads;

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn made() -> MemoryStore {
    let store = MemoryStore::new();
    store.create_root(Durability::Durable).unwrap();
    store
}

fn stage(store: &MemoryStore, path: &str) -> Upload {
    store
        .upload("1", &key(path), &mut path.as_bytes(), 0, PutMode::IfAbsent)
        .unwrap()
}

fn publish(store: &MemoryStore, path: &str, durability: Durability) {
    let staged = stage(store, path);
    store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, durability)
        .unwrap();
}

fn content(store: &MemoryStore, path: &str) -> Option<Vec<u8>> {
    store
        .stat(&key(path))
        .unwrap()
        .map(|_| store.read(&key(path), 100).unwrap())
}

#[test]
fn keeps_the_contract() {
    store_conformance::run(|| {
        let store = MemoryStore::new();
        Box::new(move || store.clone().into())
    });
}

#[test]
fn keeps_the_contract_of_named_uploads() {
    store_conformance::run(|| {
        let store = MemoryStore::with_named_uploads();
        Box::new(move || store.clone().into())
    });
}

#[test]
fn a_crash_keeps_what_was_published_durably() {
    let store = made();
    publish(&store, "d/durable", Durability::Durable);
    publish(&store, "e/buffered", Durability::Buffered);
    store.crash();
    assert_eq!(content(&store, "d/durable").unwrap(), b"d/durable");
    assert_eq!(content(&store, "e/buffered"), None);
}

#[test]
fn a_durable_name_without_durable_content_is_an_empty_file() {
    let store = made();
    publish(&store, "d/buffered", Durability::Buffered);
    store
        .persist(Persist::Names(&[key("d")]), Durability::Durable)
        .unwrap();
    store.crash();
    assert_eq!(content(&store, "d/buffered").unwrap(), b"");
}

#[test]
fn a_visible_file_can_be_made_durable_later() {
    let store = made();
    publish(&store, "d/foreign", Durability::Buffered);
    store
        .persist(Persist::Files(&[key("d/foreign")]), Durability::Durable)
        .unwrap();
    store.crash();
    assert_eq!(content(&store, "d/foreign").unwrap(), b"d/foreign");
}

#[test]
fn names_that_reached_the_disk_by_themselves_show_lost_content() {
    let store = made();
    let synced = stage(&store, "synced");
    store
        .persist(
            Persist::Uploads(std::slice::from_ref(&synced)),
            Durability::Durable,
        )
        .unwrap();
    store
        .finish(
            vec![(synced, key("synced"))],
            PutMode::IfAbsent,
            Durability::Buffered,
        )
        .unwrap();
    publish(&store, "unsynced", Durability::Buffered);
    store.crash_after_names();
    assert_eq!(content(&store, "synced").unwrap(), b"synced");
    assert_eq!(content(&store, "unsynced").unwrap(), b"");
}

#[test]
fn a_crash_brings_back_what_was_deleted_without_a_sync() {
    let store = made();
    publish(&store, "d/1", Durability::Durable);
    publish(&store, "d/2", Durability::Durable);
    store.delete_one(&key("d/1")).unwrap();
    store
        .persist(Persist::Names(&[key("d")]), Durability::Durable)
        .unwrap();
    store.delete_one(&key("d/2")).unwrap();
    store.crash();
    assert_eq!(content(&store, "d/1"), None);
    assert!(content(&store, "d/2").is_some());
}

#[test]
fn a_crash_by_chance_keeps_what_is_durable_and_leaves_any_part_of_the_rest() {
    let left_by = |seed| {
        let store = made();
        publish(&store, "meta/1", Durability::Durable);
        publish(&store, "meta/2", Durability::Durable);
        publish(&store, "meta/3", Durability::Buffered);
        assert!(store.delete(&[key("meta/2")]).is_empty());
        store.crash_by_chance(seed);
        ["meta/1", "meta/2", "meta/3"].map(|path| content(&store, path))
    };
    let mut left = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let found = left_by(seed);
        assert_eq!(found, left_by(seed), "{seed}");
        assert_eq!(found[0].as_deref(), Some(&b"meta/1"[..]));
        left.insert(found);
    }
    let texts = |at: usize| left.iter().map(|found| found[at].as_deref()).collect::<Vec<_>>();
    // The deletion that was not durable happened, or not.
    assert!(texts(1).contains(&None) && texts(1).contains(&Some(b"meta/2")));
    let torn: [Option<&[u8]>; 5] = [None, Some(b""), Some(b"met"), Some(&[0; 6]), Some(b"meta/3")];
    for expected in torn {
        assert!(texts(2).contains(&expected), "{expected:?}");
    }
    assert!(texts(2).iter().all(|found| torn.contains(found)));
}

#[test]
fn a_crash_takes_back_a_buffered_copy_only() {
    let store = made();
    publish(&store, "d/1", Durability::Durable);
    publish(&store, "d/2", Durability::Buffered);
    let copy = |from: &str, to: &str, durability| {
        store
            .put(
                "copies",
                &key(to),
                PutContent::CopyOf(&key(from)),
                PutMode::IfAbsent,
                durability,
            )
            .unwrap()
    };
    assert_eq!(copy("d/1", "e/1", Durability::Buffered), Put::Done);
    assert_eq!(copy("d/2", "f/2", Durability::Durable), Put::Done);
    store.crash();
    assert_eq!(content(&store, "d/1").unwrap(), b"d/1");
    assert_eq!(content(&store, "e/1"), None);
    assert_eq!(content(&store, "d/2"), None);
    assert_eq!(content(&store, "f/2").unwrap(), b"d/2");
}

#[test]
fn a_crash_keeps_staged_files_that_were_synced() {
    let store = made();
    let synced = stage(&store, "a/synced");
    stage(&store, "b/unsynced");
    store
        .persist(
            Persist::Uploads(std::slice::from_ref(&synced)),
            Durability::Durable,
        )
        .unwrap();
    store.crash();
    assert_eq!(uploads(&store, "1"), [synced]);
}

#[test]
fn a_crash_takes_a_root_that_was_not_made_durably() {
    let store = MemoryStore::new();
    store.create_root(Durability::Buffered).unwrap();
    publish(&store, "a", Durability::Durable);
    store.crash();
    assert!(!store.exists().unwrap());
    store.create_root(Durability::Durable).unwrap();
    assert_eq!(store.list(None).unwrap(), []);
}

#[test]
fn no_lease_or_pin_is_held_after_a_crash() {
    let store = made();
    let guard = store.lease(LockWait::Fail, "dead", &|| false).unwrap();
    let (pin, pinned) = store.pin(&key("stonekeep/pins"), b"x").unwrap();
    store.crash_after_names();
    assert!(guard.check().is_err());
    assert!(pinned.check().is_err());
    let again = store.lease(LockWait::Fail, "alive", &|| false).unwrap();
    drop(guard);
    again.check().unwrap();
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Removed);
}

#[test]
fn a_file_replaces_no_directory() {
    let store = made();
    publish(&store, "meta/1/x", Durability::Durable);
    let put = |mode| {
        let content = PutContent::Bytes(b"1");
        store.put("7", &key("meta/1"), content, mode, Durability::Durable)
    };
    for mode in [PutMode::IfAbsent, PutMode::Replace] {
        assert_eq!(put(mode).unwrap(), Put::Taken);
    }
    assert_eq!(content(&store, "meta/1/x").unwrap(), b"meta/1/x");
}

#[test]
fn uploads_are_resumed_where_their_bytes_are_there() {
    let store = made();
    let staged = stage(&store, "a");
    let longer = Upload {
        size_bytes: staged.size_bytes + 1,
        ..staged.clone()
    };
    let error = store.resume(&longer, "2", &mut &b"x"[..], 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("shorter than was written down"),
        "{error}"
    );
    assert_eq!(
        store.resume(&staged, "2", &mut &b"bc"[..], 2).unwrap().size_bytes,
        3
    );

    // What has its name is complete.
    let store = MemoryStore::with_named_uploads();
    store.create_root(Durability::Durable).unwrap();
    let staged = stage(&store, "a");
    let error = store.resume(&staged, "2", &mut &b"bc"[..], 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    store.delete_one(&key("a")).unwrap();
    let finished = store.finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Durable);
    let error = finished.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "a is not there");
}
