//! Pins: who holds one, and when it is dead.

use super::*;
use crate::store::PinState;
use crate::store::contract::Lease;
use crate::store::lease::pin::{HeldPin, PinWatch, renew};
use crate::store::lease::{LeaseClock, StoreClock};

fn pinned(host: &Host, name: &str) -> (HeldPin, StoreClock) {
    let (held, clock) = HeldPin::make(host.ground(), name.to_owned(), b"the meta\nfile").unwrap();
    (held, clock.unwrap())
}

fn swept(watch: &mut PinWatch, host: &Host, clock: &StoreClock, name: &str) -> PinState {
    watch.sweep(&host.ground(), Some(clock), name, &never).unwrap()
}

#[test]
fn a_pin_has_its_content_after_a_line_of_its_own_and_is_removed() {
    let world = World::new();
    let (held, _) = pinned(&world.host(), "a");
    assert!(world.content("a").ends_with("}\nthe meta\nfile"));
    assert_eq!(held.valid_for().unwrap(), MINUTE * 4);
    drop(held);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_pin_that_is_renewed_is_held_whatever_the_store_shows() {
    for keeps_first_times in [false, true] {
        let world = World::new();
        if keeps_first_times {
            world.keep_first_times();
        }
        let host = world.host();
        let (held, clock) = pinned(&world.host(), "a");
        let held = Arc::new(held);
        for minute in 1..=30 {
            let held = Arc::clone(&held);
            world.after(MINUTE * minute, move || renew(&held).unwrap());
        }
        world.pass(MINUTE * 12 + MINUTE / 2);
        let mut watch = PinWatch::default();
        for _ in 0..2 {
            assert_eq!(swept(&mut watch, &host, &clock, "a"), PinState::Held);
            world.pass(MINUTE * 5);
        }
        held.valid_for().unwrap();
    }
}

#[test]
fn the_pins_of_the_dead_are_removed_after_one_watch() {
    let world = World::new();
    let host = world.host();
    let clock = pinned(&host, "c").1;
    for name in ["a", "b"] {
        Box::new(pinned(&world.host(), name).0).abandon();
    }
    let mut watch = PinWatch::default();
    world.pass(MINUTE * 4);
    let unknown = watch.sweep(&host.ground(), None, "a", &never);
    assert_eq!(unknown.unwrap(), PinState::Held, "without the store's clock");
    assert_eq!(swept(&mut watch, &host, &clock, "a"), PinState::Held, "too young");
    world.pass(MINUTE * 2);
    let start = world.time();
    assert_eq!(swept(&mut watch, &host, &clock, "a"), PinState::Removed);
    let took = world.time() - start;
    assert!(took >= MINUTE * 3 && took < MINUTE * 4, "{took:?}");
    assert_eq!(swept(&mut watch, &host, &clock, "b"), PinState::Removed);
    assert_eq!(world.time() - start, took, "it was watched, too");
    assert_eq!(swept(&mut watch, &host, &clock, "gone"), PinState::Removed);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_watch_that_is_stopped_removes_nothing() {
    let world = World::new();
    let host = world.host();
    let clock = pinned(&host, "b").1;
    Box::new(pinned(&host, "a").0).abandon();
    world.pass(MINUTE * 6);
    let until = world.time() + MINUTE;
    let stop = || host.clock.boottime() >= until;
    let state = PinWatch::default().sweep(&host.ground(), Some(&clock), "a", &stop);
    assert_eq!(state.unwrap(), PinState::Held);
    assert_eq!(world.names(), ["a"]);
}

#[test]
fn a_holder_that_slept_has_lost_its_pin_before_anybody_removes_it() {
    let world = World::new();
    let host = world.host();
    let (held, clock) = pinned(&host, "a");
    world.pass(MINUTE * 4);
    assert_eq!(held.valid_for().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(renew(&held).unwrap_err().kind(), ErrorKind::Locked);
    let mut watch = PinWatch::default();
    assert_eq!(swept(&mut watch, &host, &clock, "a"), PinState::Held);
}

#[test]
fn a_pin_that_was_removed_is_not_made_again_and_another_object_stays() {
    let world = World::new();
    let (held, _) = pinned(&world.host(), "a");
    world.remove("a");
    assert_eq!(renew(&held).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(world.names(), [""; 0]);
    world.put("a", b"another's");
    assert_eq!(held.valid_for().unwrap_err().kind(), ErrorKind::Locked);
    drop(held);
    assert_eq!(world.names(), ["a"]);
}

#[test]
fn a_place_that_cannot_be_written_has_no_pin() {
    let world = World::new();
    let host = world.host();
    host.client.faults().is_cut_off = true;
    assert!(HeldPin::make(host.ground(), "a".to_owned(), b"").is_err());
}

#[test]
fn a_pin_that_goes_while_a_collector_looks_counts_as_removed() {
    let world = World::new();
    let host = world.host();
    let clock = pinned(&host, "c").1;
    let mut watch = PinWatch::default();
    Box::new(pinned(&world.host(), "a").0).abandon();
    world.pass(MINUTE * 6);
    let (start, gone) = (world.time(), Arc::clone(&world));
    world.after(MINUTE, move || gone.remove("a"));
    assert_eq!(swept(&mut watch, &host, &clock, "a"), PinState::Removed);
    assert!(world.time() - start < MINUTE * 2, "it is not watched to the end");
    // Some stores list for a while what is gone.
    world.show_ghost("b");
    assert_eq!(swept(&mut watch, &host, &clock, "b"), PinState::Removed);
}
