//! Who gets the lease, and when.

use std::sync::Mutex;

use super::*;
use crate::store::lease::record::Record;

#[test]
fn a_writer_that_is_alone_holds_it_and_leaves_nothing() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "me").unwrap();
    assert_eq!(world.names().len(), 1);
    assert_eq!(keeper.valid_for().unwrap(), MINUTE * 5);
    assert!(!keeper.took_over());
    assert!(!keeper.wait_until_alone().unwrap());
    keeper.release();
    assert_eq!(world.names(), [""; 0]);
    assert_lost(&keeper);
}

#[test]
fn a_young_one_is_respected_and_named() {
    let world = World::new();
    let holder = taken(&world.host(), LockWait::Fail, "the first").unwrap();
    let before = world.names();
    world.pass(MINUTE * 3);
    let error = taken(&world.host(), LockWait::Fail, "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().ends_with("the first"), "{error}");
    assert!(error.hint().unwrap().contains("10 minutes"), "{error:?}");
    assert_eq!(world.names(), before, "the own lease is removed");
    let start = world.time();
    let error = taken(&world.host(), LockWait::AtMost(MINUTE), "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(world.time() - start >= MINUTE);
    assert_eq!(world.names(), before);
    holder.valid_for().unwrap();
}

#[test]
fn who_waits_gets_it_when_it_is_released() {
    let world = World::new();
    let holder = Arc::new(taken(&world.host(), LockWait::Fail, "a").unwrap());
    renewed_for(&holder, &world, 30);
    let released = Arc::clone(&holder);
    world.after(MINUTE * 30 + MINUTE / 2, move || released.release());
    let keeper = taken(&world.host(), LockWait::Forever, "b").unwrap();
    assert!(world.time() < MINUTE * 31);
    assert!(!keeper.took_over());
}

#[test]
fn waiting_ends_when_the_caller_stops() {
    let world = World::new();
    let _holder = taken(&world.host(), LockWait::Fail, "a").unwrap();
    let asked = Mutex::new(0);
    let stop = || {
        *asked.lock().unwrap() += 1;
        *asked.lock().unwrap() > 10
    };
    let error = take(&world.host().ground(), LockWait::Forever, "b", &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert_eq!(world.names().len(), 1);
    assert!(world.time() < MINUTE);
}

#[test]
fn of_two_that_put_at_the_same_time_both_see_the_other() {
    let world = World::new();
    let (one, other) = (world.host(), world.host());
    let ground = other.ground();
    let seen = Arc::new(Mutex::new(None));
    let of_other = Arc::clone(&seen);
    one.client.faults().during_put = Some(Box::new(move || {
        let outcome = take(&ground, LockWait::Fail, "other", &never).map(drop);
        *of_other.lock().unwrap() = Some(outcome.unwrap_err().kind());
    }));
    taken(&one, LockWait::Fail, "one").unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(ErrorKind::Locked));

    // The other one has put its own, and not listed yet, when this one lists.
    let world = World::new();
    let one = world.host();
    let put = Arc::clone(&world);
    one.client.faults().during_put = Some(Box::new(move || put.put("ab", b"{}")));
    let error = taken(&one, LockWait::Fail, "one").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert_eq!(world.names(), ["ab"]);
}

#[test]
fn a_dead_one_is_taken_after_a_period_and_a_watch() {
    let world = World::new();
    let holder = taken(&world.host(), LockWait::Fail, "dead").unwrap();
    holder.abandon();
    world.pass(MINUTE * 9);
    let error = taken(&world.host(), LockWait::Fail, "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "not old enough to be watched");
    world.pass(MINUTE * 2);
    let start = world.time();
    let keeper = taken(&world.host(), LockWait::Fail, "b").unwrap();
    let watched = world.time() - start;
    assert!(watched >= MINUTE * 10 && watched < MINUTE * 11, "{watched:?}");
    assert!(keeper.took_over());
    assert_eq!(world.names().len(), 1);
    keeper.wait_until_alone().unwrap();
}

#[test]
fn one_that_only_seems_dead_is_found_alive_by_its_counter() {
    let world = World::new();
    world.keep_first_times();
    let holder = Arc::new(taken(&world.host(), LockWait::Fail, "alive").unwrap());
    renewed_for(&holder, &world, 40);
    world.pass(MINUTE * 15);
    let start = world.time();
    let error = taken(&world.host(), LockWait::Fail, "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(world.time() - start < MINUTE * 2, "the first renewal tells");
    let error = taken(&world.host(), LockWait::AtMost(MINUTE * 20), "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    holder.valid_for().unwrap();
}

#[test]
fn two_takers_of_a_dead_one_do_not_both_hold() {
    let world = World::new();
    taken(&world.host(), LockWait::Fail, "dead").unwrap().abandon();
    world.pass(MINUTE * 11);
    let second = world.host().ground();
    let got = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&got);
    // The second one begins in the middle of the first one's watch, and so ends later.
    world.after(MINUTE * 5, move || {
        *keep.lock().unwrap() = Some(take(&second, LockWait::Fail, "second", &never));
    });
    let first = taken(&world.host(), LockWait::Fail, "first");
    let second = got.lock().unwrap().take().unwrap();
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    assert_eq!(world.names().len(), 1);
}

#[test]
fn wrong_wall_clocks_mislead_nobody() {
    for hours in [0, 1, 5] {
        let world = World::new();
        let (one, other) = (world.host(), world.host());
        one.clock.set_ahead(MINUTE * 60 * hours);
        other.clock.set_behind(MINUTE * 60 * hours);
        let holder = Arc::new(taken(&one, LockWait::Fail, "a").unwrap());
        renewed_for(&holder, &world, 20);
        world.pass(MINUTE * 20);
        let error = taken(&other, LockWait::Fail, "b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        one.clock.set_behind(MINUTE * 120);
        assert!(holder.valid_for().unwrap() > MINUTE * 4, "its own clock jumps");
        holder.abandon();
        world.pass(MINUTE * 11);
        other.clock.set_ahead(MINUTE * 600);
        assert!(taken(&other, LockWait::Fail, "b").unwrap().took_over());
    }
}

#[test]
fn a_dead_one_that_cannot_be_removed_has_run_out() {
    let world = World::new();
    taken(&world.host(), LockWait::Fail, "dead").unwrap().abandon();
    let [name] = world.names().try_into().unwrap();
    world.fix(&name);
    world.pass(MINUTE * 11);
    let keeper = taken(&world.host(), LockWait::Fail, "b").unwrap();
    assert_eq!(world.names().len(), 2);
    assert!(!keeper.wait_until_alone().unwrap(), "it is in nobody's way");
}

#[test]
fn ghosts_in_listings_do_not_block_and_unknown_content_does() {
    let world = World::new();
    world.show_ghost("gone");
    taken(&world.host(), LockWait::Fail, "a").unwrap().release();
    world.put("later", b"{\"stonekeep_lease\":2,\"holder\":\"x\"}");
    let error = taken(&world.host(), LockWait::Fail, "a").unwrap_err();
    assert!(error.to_string().ends_with("another process"), "{error}");
    world.pass(MINUTE * 10);
    assert!(taken(&world.host(), LockWait::Fail, "a").unwrap().took_over());
}

#[test]
fn one_that_was_stopped_before_its_first_look_has_lost_it() {
    let world = World::new();
    let host = world.host();
    let others = Arc::clone(&world);
    host.client.faults().during_put = Some(Box::new(move || {
        others.pass(MINUTE * 11);
        others.names().iter().for_each(|name| others.remove(name));
    }));
    let error = taken(&host, LockWait::Fail, "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
}

#[test]
fn an_answer_that_is_lost_leaves_no_lease_behind() {
    let world = World::new();
    let host = world.host();
    host.client.faults().lost_answers = 2;
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    assert_eq!(world.names().len(), 1);
    keeper.release();
    host.client.faults().lost_answers = 100;
    taken(&host, LockWait::Fail, "a").unwrap_err();
    assert_eq!(world.names(), [""; 0]);
}

/// Dies after each of its requests in turn; whatever it leaves, the next one holds after at most two periods and a little.
#[test]
fn a_crash_at_each_step_leaves_a_lease_that_can_be_taken() {
    for died_after in 0..12 {
        let world = World::new();
        let old = taken(&world.host(), LockWait::Fail, "old").unwrap();
        old.abandon();
        world.pass(MINUTE * 11);
        let host = world.host();
        host.client.faults().dies_after = Some(died_after);
        if let Ok(keeper) = taken(&host, LockWait::Fail, "dies") {
            while keeper.doing_deletions().and_then(|()| keeper.renew()).is_ok() {}
            keeper.abandon();
        }
        let start = world.time();
        let keeper = taken(&world.host(), LockWait::Forever, "next").unwrap();
        assert!(world.time() - start < MINUTE * 21, "{died_after}");
        keeper.wait_until_alone().unwrap();
        let [name] = world.names().try_into().unwrap();
        let record = Record::decode(world.content(&name).as_bytes()).unwrap();
        assert_eq!(record.holder, "next");
    }
}
