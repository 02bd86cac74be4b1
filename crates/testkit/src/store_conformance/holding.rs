//! Checks of the contract on the lease, on pins and on time limits.

use std::cell::Cell;
use std::time::{Duration, Instant};

use stonekeep::ErrorKind;
use stonekeep::store::{Durability, Held, Key, LockWait, Persist, PinState, Store};

use super::place::{Check, Place, content, key, made, put};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("one holder at a time has the lock, and is named", lock_conflicts),
    ("a lock that is let go can be taken", lock_is_free_again),
    ("waiting ends when the time is over", waiting_ends),
    ("waiting ends when the caller wants to stop", waiting_stops),
    ("waiting ends when the lock is free", waiting_succeeds),
    (
        "readers and writers go on beside the lock",
        lock_excludes_only_lockers,
    ),
    ("a pin is a visible file with its content", pins_are_visible),
    ("a pin counts as held until it is let go", pins_are_held),
    ("a pin without a holder is stale", stale_pins_are_removed),
    ("a pin that is gone counts as removed", missing_pins),
    ("a pin replaces nothing", pins_replace_nothing),
    ("a lost pin is noticed", lost_pins_are_noticed),
    (
        "free room is known or not, and never an error",
        free_bytes_answers,
    ),
];

fn take(store: &Store, wait: LockWait, holder: &str) -> stonekeep::Result<Held> {
    store.lease(wait, holder, &|| false)
}

fn pins() -> Key {
    key("stonekeep/pins")
}

fn lock_conflicts(place: &Place) {
    let (one, other) = (made(place), place());
    let guard = take(&one, LockWait::Fail, "the first holder").unwrap();
    guard.check().unwrap();
    assert!(!guard.took_over());
    for store in [&one, &other] {
        let error = take(store, LockWait::Fail, "second").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("the first holder"), "{error}");
        assert!(error.hint().is_some());
    }
}

fn lock_is_free_again(place: &Place) {
    let (one, other) = (made(place), place());
    for holder in ["a long name of a holder", "b"] {
        let guard = take(&one, LockWait::Fail, holder).unwrap();
        drop(guard);
        let guard = take(&other, LockWait::Fail, "c").unwrap();
        let error = take(&one, LockWait::Fail, "d").unwrap_err();
        assert!(error.to_string().ends_with(" c"), "{error}");
        drop(guard);
    }
}

fn waiting_ends(place: &Place) {
    let (one, other) = (made(place), place());
    let _guard = take(&one, LockWait::Fail, "first").unwrap();
    let start = Instant::now();
    let limit = Duration::from_millis(120);
    let error = take(&other, LockWait::AtMost(limit), "second").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(start.elapsed() >= limit);
}

fn waiting_stops(place: &Place) {
    let (one, other) = (made(place), place());
    let _guard = take(&one, LockWait::Fail, "first").unwrap();
    let asked = Cell::new(0);
    let stop_at_last = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let error = other
        .lease(LockWait::Forever, "second", &stop_at_last)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
}

fn waiting_succeeds(place: &Place) {
    let (one, other) = (made(place), place());
    let guard = take(&one, LockWait::Fail, "first").unwrap();
    let (guard, asked) = (Cell::new(Some(guard)), Cell::new(0));
    let let_go_at_last = || {
        asked.set(asked.get() + 1);
        if asked.get() > 3 {
            drop(guard.take());
        }
        false
    };
    other.lease(LockWait::Forever, "second", &let_go_at_last).unwrap();
    assert!(asked.get() > 3);
}

fn lock_excludes_only_lockers(place: &Place) {
    let (one, other) = (made(place), place());
    let _guard = take(&one, LockWait::Fail, "first").unwrap();
    put(&other, "a", b"1");
    assert_eq!(content(&other, "a"), b"1");
    let (_, pin) = other.pin(&pins(), b"pin").unwrap();
    pin.check().unwrap();
    assert!(!pin.took_over(), "a pin has no holder before");
}

fn pins_are_visible(place: &Place) {
    let (one, other) = (made(place), place());
    let (pin, guard) = one.pin(&pins(), b"3\n1234\nthe meta file").unwrap();
    // A store may put lines of its own before it.
    assert!(content(&other, pin.as_str()).ends_with(b"3\n1234\nthe meta file"));
    let listed = other.list(Some(&key("stonekeep/pins"))).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, pin.name());
    drop(guard);
    assert_eq!(other.stat(&pin).unwrap(), None);
}

fn pins_are_held(place: &Place) {
    let (one, other) = (made(place), place());
    let (first, first_held) = one.pin(&pins(), b"1").unwrap();
    let (second, second_held) = other.pin(&pins(), b"2").unwrap();
    let guards = [first_held, second_held];
    for store in [&one, &other] {
        for pin in [&first, &second] {
            assert_eq!(store.sweep_pin(pin, &|| false).unwrap(), PinState::Held);
            assert!(store.stat(pin).unwrap().is_some());
        }
    }
    guards.iter().for_each(|guard| guard.check().unwrap());
    drop(guards);
    assert_eq!(one.sweep_pin(&first, &|| false).unwrap(), PinState::Removed);
}

/// A killed holder leaves a visible file without a lock.
fn stale_pins_are_removed(place: &Place) {
    let store = made(place);
    let (pin, guard) = store.pin(&pins(), b"").unwrap();
    drop(guard);
    put(&store, pin.as_str(), b"the holder is dead");
    // Without locks, only time tells.
    let limit = Instant::now() + Duration::from_secs(60);
    while store.sweep_pin(&pin, &|| false).unwrap() == PinState::Held {
        assert!(Instant::now() < limit);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Removed);
    assert_eq!(store.stat(&pin).unwrap(), None);
}

fn missing_pins(place: &Place) {
    let store = made(place);
    assert_eq!(
        store
            .sweep_pin(&key("stonekeep/pins/missing"), &|| false)
            .unwrap(),
        PinState::Removed
    );
}

fn pins_replace_nothing(place: &Place) {
    let (one, other) = (made(place), place());
    let (first, guard) = one.pin(&pins(), b"first").unwrap();
    let (second, _guard) = other.pin(&pins(), b"second").unwrap();
    assert_ne!(first, second);
    assert!(content(&other, first.as_str()).ends_with(b"first"));
    guard.check().unwrap();
}

fn lost_pins_are_noticed(place: &Place) {
    let store = made(place);
    let (pin, guard) = store.pin(&pins(), b"first").unwrap();
    store.delete_one(&pin).unwrap();
    assert_eq!(guard.check().unwrap_err().kind(), ErrorKind::Locked);
    put(&store, pin.as_str(), b"somebody else's");
    drop(guard);
    assert_eq!(content(&store, pin.as_str()), b"somebody else's");
}

fn free_bytes_answers(place: &Place) {
    let store = made(place);
    assert_ne!(store.room().unwrap().bytes, Some(0));
    store.persist(Persist::Names(&[]), Durability::Durable).unwrap();
}
