//! The stores that kill, fail and record, which other tests rely on.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, LockWait, Persist, PinState, PutContent, PutMode, Store};
use stonekeep::{Clock, ErrorKind, Result};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::record_store::RecordStore;
use stonekeep_testkit::store_conformance;
use stonekeep_testkit::store_conformance::{runs, uploads};

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn made() -> MemoryStore {
    let store = MemoryStore::new();
    store.create_root(Durability::Durable).unwrap();
    store
}

/// A backup in small: a lock, a data file, the file that commits it.
fn scenario(store: &Store, durability: Durability) -> Result<()> {
    let guard = store.lease(LockWait::Fail, "scenario", &|| false)?;
    let data = store.upload("1", &key("data/1"), &mut &b"data"[..], 4, PutMode::IfAbsent)?;
    store.persist(Persist::Uploads(std::slice::from_ref(&data)), durability)?;
    store.finish(vec![(data, key("data/1"))], PutMode::IfAbsent, durability)?;
    guard.check()?;
    let meta = PutContent::Bytes(b"meta");
    store.put("1", &key("meta/1"), meta, PutMode::IfAbsent, durability)?;
    store.discard("1")
}

const STEPS: [&str; 7] = [
    "lease",
    "upload 1:data/1",
    "upload 1:data/1, second half",
    "persist uploads 1:data/1",
    "finish data/1",
    "put meta/1",
    "discard 1",
];

#[test]
fn decorators_keep_the_contract() {
    store_conformance::run(|| {
        let store = MemoryStore::new();
        Box::new(move || Store::from(FaultStore::counting(store.clone())))
    });
    store_conformance::run(|| {
        let store = MemoryStore::new();
        Box::new(move || Store::from(RecordStore::new(store.clone())))
    });
}

#[test]
fn steps_are_counted_and_named() {
    let store = FaultStore::counting(made());
    scenario(&store, Durability::Durable).unwrap();
    assert_eq!(store.step_names(), STEPS);
    assert_eq!(store.steps(), STEPS.len());
    assert_eq!(store.stopped_before(), None);
}

#[test]
fn a_killed_store_has_done_all_steps_before_and_none_after() {
    for (before, name) in STEPS.iter().enumerate() {
        let disk = made();
        let store = FaultStore::kill_at(disk.clone(), before + 1);
        let error = scenario(&store, Durability::Durable).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(store.stopped_before().as_deref(), Some(*name));
        assert_eq!(store.steps(), before + 1, "nothing is begun after {name}");
        assert!(store.list(None).is_err(), "the dead read nothing");
        disk.lease(LockWait::Fail, "next", &|| false).unwrap();
        let there = |path: &str| disk.stat(&key(path)).unwrap().is_some();
        assert_eq!(there("data/1"), before >= 5, "before {name}");
        assert_eq!(there("meta/1"), before >= 6, "before {name}");
    }
}

#[test]
fn a_kill_while_staging_leaves_half_a_file() {
    let disk = made();
    let store = FaultStore::kill_at(disk.clone(), 3);
    scenario(&store, Durability::Durable).unwrap_err();
    let staged = uploads(&disk, "1");
    assert_eq!((staged.len(), staged[0].size_bytes), (1, 2));
}

#[test]
fn a_kill_while_publishing_leaves_a_part_of_the_batch() {
    let disk = made();
    let store = FaultStore::kill_at(disk.clone(), 6);
    let batch = ["a", "b"].map(|path| {
        let staged = store
            .upload("1", &key(path), &mut &b"x"[..], 1, PutMode::IfAbsent)
            .unwrap();
        (staged, key(path))
    });
    store
        .finish(batch.to_vec(), PutMode::IfAbsent, Durability::Buffered)
        .unwrap_err();
    assert!(disk.stat(&key("a")).unwrap().is_some());
    assert!(disk.stat(&key("b")).unwrap().is_none());
}

#[test]
fn a_dead_holder_leaves_its_pin_unheld() {
    let directory = tempfile::tempdir().unwrap();
    let local: Store = Store::from(LocalStore::new(directory.path()));
    let memory: Store = made().into();
    for disk in [local, memory] {
        let store = FaultStore::kill_at(disk.clone(), 2);
        let (pin, guard) = store.pin(&key("stonekeep/pins"), b"content").unwrap();
        assert_eq!(disk.sweep_pin(&pin, &|| false).unwrap(), PinState::Held);
        store.discard("any").unwrap_err();
        assert!(guard.check().is_err());
        drop(guard);
        assert_eq!(disk.read(&pin, 100).unwrap(), b"content");
        assert_eq!(runs(&disk), [""; 0]);
        assert_eq!(disk.sweep_pin(&pin, &|| false).unwrap(), PinState::Removed);
    }
}

#[test]
fn after_a_failed_step_the_next_ones_work() {
    let disk = made();
    let store = FaultStore::fail_once_at(disk.clone(), 3, io::ErrorKind::StorageFull);
    let error = scenario(&store, Durability::Durable).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
    assert_eq!(store.stopped_before().as_deref(), Some(STEPS[2]));
    assert_eq!(uploads(&disk, "1"), []);
    scenario(&store, Durability::Durable).unwrap();
    assert_eq!(disk.read(&key("meta/1"), 10).unwrap(), b"meta");
}

#[test]
fn requests_are_recorded_as_lines() {
    let store = RecordStore::new(made());
    scenario(&store, Durability::Durable).unwrap();
    store.list(Some(&key("meta"))).unwrap();
    assert!(store.open(&key("missing")).is_err());
    let lines = [
        "lease",
        "upload 1:data/1",
        "persist uploads 1:data/1 (Durable)",
        "finish data/1 (Durable)",
        "put meta/1 (Durable)",
        "discard 1",
        "list meta",
    ];
    assert_eq!(store.lines(), lines);
    store.clear();
    assert_eq!(store.requests(), []);
}

#[test]
fn taken_names_are_not_recorded_as_published() {
    let store = RecordStore::new(made());
    scenario(&store, Durability::Durable).unwrap();
    store.clear();
    scenario(&store, Durability::Durable).unwrap();
    assert_eq!(store.durable_before(&key("meta/1")), None);
}

#[test]
fn a_record_shows_what_was_durable_when_a_file_appeared() {
    let store = RecordStore::new(made());
    scenario(&store, Durability::Durable).unwrap();
    let durable = store.durable_before(&key("meta/1")).unwrap();
    assert_eq!(durable, BTreeSet::from([key("data/1")]));
    assert_eq!(store.durable_before(&key("data/1")).unwrap(), BTreeSet::new());
    assert_eq!(store.durable_before(&key("never")), None);

    let buffered = RecordStore::new(made());
    scenario(&buffered, Durability::Buffered).unwrap();
    assert_eq!(buffered.durable_before(&key("meta/1")).unwrap(), BTreeSet::new());
}

#[test]
fn a_record_follows_later_syncs_copies_and_deletions() {
    let store = RecordStore::new(made());
    let put = |path: &str, durability| {
        let staged = store
            .upload("1", &key(path), &mut &b"x"[..], 1, PutMode::IfAbsent)
            .unwrap();
        store
            .finish(vec![(staged, key(path))], PutMode::IfAbsent, durability)
            .unwrap();
    };
    put("d/synced later", Durability::Buffered);
    put("d/never synced", Durability::Buffered);
    put("d/deleted", Durability::Durable);
    put("d/copied", Durability::Durable);
    store
        .persist(Persist::Files(&[key("d/synced later")]), Durability::Durable)
        .unwrap();
    store.delete_one(&key("d/deleted")).unwrap();
    store
        .put(
            "copies",
            &key("e/new"),
            PutContent::CopyOf(&key("d/copied")),
            PutMode::IfAbsent,
            Durability::Buffered,
        )
        .unwrap();
    put("first", Durability::Durable);
    store
        .persist(Persist::Names(&[key("d"), key("e")]), Durability::Durable)
        .unwrap();
    put("second", Durability::Durable);

    let expected = |paths: &[&str]| paths.iter().map(|path| key(path)).collect::<BTreeSet<_>>();
    let first = store.durable_before(&key("first")).unwrap();
    assert_eq!(first, expected(&["d/copied", "d/synced later"]));
    let second = store.durable_before(&key("second")).unwrap();
    assert_eq!(
        second,
        expected(&["d/copied", "d/synced later", "e/new", "first"])
    );
}

#[test]
fn a_fake_clock_advances_only_by_request_or_sleep() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let clock = FakeClock::at_unix_seconds(1_000);
    let instant = clock.instant();
    assert_eq!((clock.now(), clock.instant()), (start, instant));
    clock.advance(Duration::from_secs(5));
    clock.sleep(Duration::from_secs(2));
    assert_eq!(clock.now(), start + Duration::from_secs(7));
    assert_eq!(clock.instant(), instant + Duration::from_secs(7));
    assert_eq!(clock.slept(), Duration::from_secs(2));
}

#[test]
fn stores_wait_and_compute_ages_by_their_clock() {
    let clock = Arc::new(FakeClock::new(SystemTime::now()));
    let directory = tempfile::tempdir().unwrap();
    let local = Store::from(LocalStore::new(directory.path()).with_clock(clock.clone()));
    let memory = MemoryStore::with_clock(clock.clone());
    memory.create_root(Durability::Durable).unwrap();
    let stores: [&Store; 2] = [&local, &memory];
    for store in stores {
        let _guard = store.lease(LockWait::Fail, "first", &|| false).unwrap();
        let slept = clock.slept();
        let limit = LockWait::AtMost(Duration::from_secs(30));
        store.lease(limit, "second", &|| false).unwrap_err();
        assert_eq!(clock.slept() - slept, Duration::from_secs(30));
    }
    let pin = key("stonekeep/pins/elsewhere-0");
    let staged = local
        .upload("1", &pin, &mut &b""[..], 0, PutMode::IfAbsent)
        .unwrap();
    local
        .finish(
            vec![(staged, pin.clone())],
            PutMode::IfAbsent,
            Durability::Buffered,
        )
        .unwrap();
    assert_eq!(local.sweep_pin(&pin, &|| false).unwrap(), PinState::Held);
    clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(local.sweep_pin(&pin, &|| false).unwrap(), PinState::Removed);

    let staged = memory
        .upload("1", &key("a"), &mut &b""[..], 0, PutMode::IfAbsent)
        .unwrap();
    memory
        .finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Buffered)
        .unwrap();
    let stat = memory.stat(&key("a")).unwrap().unwrap();
    assert_eq!(stat.modified, Some(clock.now()));
}
