//! The stores that kill, fail and record, which other tests rely on.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, LockWait, PinState, Store, new_pin_name};
use stonekeep::{Clock, ErrorKind, Result};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::record_store::RecordStore;
use stonekeep_testkit::store_conformance;

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
    let guard = store.exclusive(LockWait::Fail, "scenario", &|| false)?;
    let data = store.stage("1", &key("data/1"), &mut &b"data"[..], 4)?;
    store.sync(std::slice::from_ref(&data), durability)?;
    store.publish(vec![(data, key("data/1"))], durability)?;
    guard.check()?;
    let meta = store.stage("1", &key("meta/1"), &mut &b"meta"[..], 4)?;
    store.publish(vec![(meta, key("meta/1"))], durability)?;
    store.discard("1")
}

const STEPS: [&str; 9] = [
    "exclusive",
    "stage 1:data/1",
    "stage 1:data/1, second half",
    "sync 1:data/1",
    "publish data/1",
    "stage 1:meta/1",
    "stage 1:meta/1, second half",
    "publish meta/1",
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
        disk.exclusive(LockWait::Fail, "next", &|| false).unwrap();
        let there = |path: &str| disk.stat(&key(path)).unwrap().is_some();
        assert_eq!(there("data/1"), before >= 5, "before {name}");
        assert_eq!(there("meta/1"), before >= 8, "before {name}");
    }
}

#[test]
fn a_kill_while_staging_leaves_half_a_file() {
    let disk = made();
    let store = FaultStore::kill_at(disk.clone(), 3);
    scenario(&store, Durability::Durable).unwrap_err();
    let staged = disk.staged("1").unwrap();
    assert_eq!((staged.len(), staged[0].size_bytes), (1, 2));
}

#[test]
fn a_kill_while_publishing_leaves_a_part_of_the_batch() {
    let disk = made();
    let store = FaultStore::kill_at(disk.clone(), 6);
    let batch = ["a", "b"].map(|path| {
        let staged = store.stage("1", &key(path), &mut &b"x"[..], 1).unwrap();
        (staged, key(path))
    });
    store.publish(batch.to_vec(), Durability::Buffered).unwrap_err();
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
        let pin = key("stonekeep/pins").join(&new_pin_name()).unwrap();
        let guard = store.pin(&pin, b"content").unwrap();
        assert_eq!(disk.remove_if_stale(&pin).unwrap(), PinState::Held);
        store.discard("any").unwrap_err();
        assert!(guard.check().is_err());
        drop(guard);
        assert_eq!(disk.read(&pin, 100).unwrap(), b"content");
        assert_eq!(disk.areas().unwrap(), [""; 0]);
        assert_eq!(disk.remove_if_stale(&pin).unwrap(), PinState::Removed);
    }
}

#[test]
fn one_step_fails_and_the_next_ones_work() {
    let disk = made();
    let store = FaultStore::fail_once_at(disk.clone(), 3, io::ErrorKind::StorageFull);
    let error = scenario(&store, Durability::Durable).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
    assert_eq!(store.stopped_before().as_deref(), Some(STEPS[2]));
    assert_eq!(disk.staged("1").unwrap(), []);
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
        "exclusive",
        "stage 1:data/1",
        "sync 1:data/1 (Durable)",
        "publish data/1 (Durable)",
        "stage 1:meta/1",
        "publish meta/1 (Durable)",
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
fn a_record_tells_what_was_durable_when_a_file_appeared() {
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
        let staged = store.stage("1", &key(path), &mut &b"x"[..], 1).unwrap();
        store.publish(vec![(staged, key(path))], durability).unwrap();
    };
    put("d/synced later", Durability::Buffered);
    put("d/never synced", Durability::Buffered);
    put("d/deleted", Durability::Durable);
    put("d/copied", Durability::Durable);
    store
        .sync_visible(&[key("d/synced later")], Durability::Durable)
        .unwrap();
    store.delete(&key("d/deleted")).unwrap();
    store
        .copy(&key("d/copied"), &key("e/new"), Durability::Buffered)
        .unwrap();
    put("first", Durability::Durable);
    store
        .sync_directories(&[key("d"), key("e")], Durability::Durable)
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
fn a_fake_clock_goes_only_when_told_or_slept_by() {
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
fn stores_wait_and_tell_ages_by_their_clock() {
    let clock = Arc::new(FakeClock::new(SystemTime::now()));
    let directory = tempfile::tempdir().unwrap();
    let local = Store::from(LocalStore::new(directory.path()).with_clock(clock.clone()));
    let memory = MemoryStore::with_clock(clock.clone());
    memory.create_root(Durability::Durable).unwrap();
    let stores: [&Store; 2] = [&local, &memory];
    for store in stores {
        let _guard = store.exclusive(LockWait::Fail, "first", &|| false).unwrap();
        let slept = clock.slept();
        let limit = LockWait::AtMost(Duration::from_secs(30));
        store.exclusive(limit, "second", &|| false).unwrap_err();
        assert_eq!(clock.slept() - slept, Duration::from_secs(30));
    }
    let pin = key("stonekeep/pins/elsewhere-0");
    let staged = local.stage("1", &pin, &mut &b""[..], 0).unwrap();
    local
        .publish(vec![(staged, pin.clone())], Durability::Buffered)
        .unwrap();
    assert_eq!(local.remove_if_stale(&pin).unwrap(), PinState::Held);
    clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(local.remove_if_stale(&pin).unwrap(), PinState::Removed);

    let staged = memory.stage("1", &key("a"), &mut &b""[..], 0).unwrap();
    memory
        .publish(vec![(staged, key("a"))], Durability::Buffered)
        .unwrap();
    let stat = memory.stat(&key("a")).unwrap().unwrap();
    assert_eq!(stat.modified, Some(clock.now()));
}
