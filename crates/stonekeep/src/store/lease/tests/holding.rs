//! What a holder knows of its own lease.

use super::*;
use crate::store::lease::keep::Look;

#[test]
fn it_is_valid_for_half_a_period_after_a_renewal_was_sent() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    world.pass(MINUTE * 4);
    assert_eq!(keeper.valid_for().unwrap(), MINUTE);
    assert_eq!(keeper.may_be_accepted_for().unwrap(), MINUTE * 5);
    host.client.faults().slow = MINUTE / 2;
    keeper.renew().unwrap();
    assert_eq!(keeper.valid_for().unwrap(), MINUTE * 9 / 2);
    assert_eq!(keeper.may_be_accepted_for().unwrap(), MINUTE * 17 / 2);
}

#[test]
fn after_a_gap_it_is_lost_for_good() {
    let world = World::new();
    let keeper = taken(&world.host(), LockWait::Fail, "a").unwrap();
    world.pass(MINUTE * 4);
    keeper.renew().unwrap();
    world.pass(MINUTE * 5);
    let [name] = world.names().try_into().unwrap();
    let before = world.content(&name);
    assert_lost(&keeper);
    assert_lost(&keeper);
    assert_eq!(world.content(&name), before, "it is not renewed");
}

/// Some stores cannot read for a while what they list.
#[test]
fn one_that_is_listed_and_cannot_be_read_is_not_lost() {
    let world = World::new();
    let keeper = taken(&world.host(), LockWait::Fail, "a").unwrap();
    let [name] = world.names().try_into().unwrap();
    let content = world.content(&name);
    world.remove(&name);
    world.show_ghost(&name);
    assert_eq!(keeper.renew().unwrap_err().kind(), ErrorKind::Io);
    world.put(&name, content.as_bytes());
    keeper.renew().unwrap();
    keeper.valid_for().unwrap();
}

#[test]
fn an_answer_that_comes_too_late_does_not_bring_it_back() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    world.pass(MINUTE);
    host.client.faults().slow = MINUTE * 4;
    assert_eq!(keeper.renew().unwrap_err().kind(), ErrorKind::Locked);
    assert_lost(&keeper);
}

#[test]
fn a_paused_holder_that_wakes_up_after_a_take_over_has_lost() {
    let world = World::new();
    let paused = taken(&world.host(), LockWait::Fail, "paused").unwrap();
    world.pass(MINUTE * 11);
    let taker = taken(&world.host(), LockWait::Fail, "taker").unwrap();
    let names = world.names();
    assert_lost(&paused);
    paused.release();
    assert_eq!(world.names(), names);
    taker.renew().unwrap();
    taker.wait_until_alone().unwrap();
}

/// Whatever the holder last knew, nothing that it signed is accepted when another one holds the lease.
#[test]
fn the_life_of_a_request_ends_before_the_earliest_take_over() {
    for paused_after in [0, 1, 2, 3, 7] {
        let world = World::new();
        let holder = Arc::new(taken(&world.host(), LockWait::Fail, "a").unwrap());
        renewed_for(&holder, &world, 3);
        world.pass(MINUTE * paused_after);
        let accepted_until = world.time() + holder.may_be_accepted_for().unwrap();
        // A taker that watches from now on; until then it sees the renewals that are still to come.
        taken(&world.host(), LockWait::Forever, "b").unwrap();
        assert!(world.time() >= accepted_until + MINUTE, "{paused_after}");
    }
}

#[test]
fn a_lease_that_somebody_removed_is_lost_and_not_made_again() {
    for ignores_conditions in [false, true] {
        let world = World::new();
        if ignores_conditions {
            world.ignore_conditions();
        }
        let host = world.host();
        let (one, other) = (taken(&host, LockWait::Fail, "a").unwrap(), world.names());
        world.remove(&other[0]);
        assert_eq!(one.renew().unwrap_err().kind(), ErrorKind::Locked);
        assert_lost(&one);
        assert_eq!(world.names(), [""; 0]);
        let two = taken(&host, LockWait::Fail, "b").unwrap();
        let [name] = world.names().try_into().unwrap();
        world.remove(&name);
        assert!(two.look().unwrap_err().to_string().contains("removed"));
        assert_lost(&two);
        let three = taken(&host, LockWait::Fail, "c").unwrap();
        let [name] = world.names().try_into().unwrap();
        world.put(&name, b"somebody else's");
        assert_eq!(three.renew().unwrap_err().kind(), ErrorKind::Locked);
    }
}

#[test]
fn a_renewal_without_an_answer_does_not_count_and_is_repeated() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    world.pass(MINUTE);
    host.client.faults().lost_answers = 1;
    assert_eq!(keeper.renew().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(keeper.valid_for().unwrap(), MINUTE * 4);
    keeper.renew().unwrap();
    assert_eq!(keeper.valid_for().unwrap(), MINUTE * 5);
    host.client.faults().is_cut_off = true;
    for _ in 0..4 {
        world.pass(MINUTE);
        assert_eq!(keeper.renew().unwrap_err().kind(), ErrorKind::Io);
    }
    world.pass(MINUTE);
    host.client.faults().is_cut_off = false;
    assert_lost(&keeper);
}

#[test]
fn a_look_that_fails_is_repeated_as_long_as_the_lease_is_valid() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    host.client.faults().is_cut_off = true;
    let (back, client) = (MINUTE * 2, Arc::clone(&host.client));
    world.after(back, move || client.faults().is_cut_off = false);
    assert!(!keeper.wait_until_alone().unwrap());
    assert!(world.time() >= back && world.time() < MINUTE * 3);
    host.client.faults().is_cut_off = true;
    let error = keeper.wait_until_alone().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(world.time() >= MINUTE * 5);
}

#[test]
fn while_another_lease_is_there_the_holder_waits() {
    let world = World::new();
    let keeper = Arc::new(taken(&world.host(), LockWait::Fail, "a").unwrap());
    renewed_for(&keeper, &world, 60);
    world.put("ab", b"{}");
    assert!(matches!(keeper.look().unwrap(), Look::Another(_)));
    let gone = Arc::clone(&world);
    world.after(MINUTE * 2, move || gone.remove("ab"));
    assert!(keeper.wait_until_alone().unwrap());
    assert!(world.time() >= MINUTE * 2 && world.time() < MINUTE * 3);
    // One that died between its put and its removal goes when it is dead.
    world.put("cd", b"{}");
    assert!(keeper.wait_until_alone().unwrap());
    assert!(world.time() < MINUTE * 14);
    assert_eq!(world.names().len(), 1);
}

#[test]
fn the_release_waits_until_an_unanswered_request_has_run_out() {
    let world = World::new();
    let keeper = taken(&world.host(), LockWait::Fail, "a").unwrap();
    keeper.in_doubt_for(MINUTE * 2);
    keeper.in_doubt_for(MINUTE);
    let [name] = world.names().try_into().unwrap();
    let (seen, there) = (Arc::clone(&world), name.clone());
    world.after(MINUTE * 2 - MINUTE / 60, move || {
        assert_eq!(seen.names(), [there]);
    });
    keeper.release();
    assert_eq!(world.time(), MINUTE * 2);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_lease_that_cannot_be_removed_runs_out() {
    let world = World::new();
    let keeper = taken(&world.host(), LockWait::Fail, "a").unwrap();
    let [name] = world.names().try_into().unwrap();
    world.fix(&name);
    keeper.release();
    assert_eq!(world.names(), [name.as_str()]);
    world.pass(MINUTE * 11);
    let next = taken(&world.host(), LockWait::Fail, "b").unwrap();
    next.wait_until_alone().unwrap();
}

#[test]
fn the_store_s_clock_is_that_of_the_own_fresh_object() {
    let world = World::new();
    let host = world.host();
    host.clock.set_ahead(MINUTE * 4);
    world.pass(MINUTE);
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    world.pass(MINUTE);
    let begin = super::super::simulation::begin();
    assert_eq!(keeper.store_now(), begin + MINUTE * 2);
    let clock = host.clock.as_ref();
    assert_eq!(keeper.store_clock().lead(clock), MINUTE * 4);
    assert_eq!(keeper.store_clock().lag(clock), Duration::ZERO);
    host.clock.set_behind(MINUTE * 3);
    assert_eq!(keeper.store_clock().lead(clock), Duration::ZERO);
    assert_eq!(keeper.store_clock().lag(clock), MINUTE * 3);
    assert_eq!(keeper.accepted_for(), MINUTE * 6, "as the lease says");
}
