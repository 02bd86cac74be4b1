//! What becomes of a lease when others write where only its holder should, and when somebody asks to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::lease::Ground;

/// Ground that says so when it is to be stopped.
fn stoppable(host: &Host) -> (Ground, Arc<AtomicBool>) {
    let (ground, stop) = (host.ground(), Arc::new(AtomicBool::new(false)));
    let asked = Arc::clone(&stop);
    ground.stop.ask(move || asked.load(Ordering::SeqCst));
    (ground, stop)
}

#[test]
fn a_renewal_that_met_another_write_does_not_count_and_is_repeated() {
    let world = World::new();
    let host = world.host();
    let keeper = taken(&host, LockWait::Fail, "a").unwrap();
    let [name] = world.names().try_into().unwrap();
    let meet = || {
        let (world, name) = (Arc::clone(&world), name.clone());
        let content = world.content(&name);
        let write = move || world.put(&name, content.as_bytes());
        host.client.faults().before_overwrite = Some(Box::new(write));
    };
    world.pass(MINUTE);
    meet();
    let error = keeper.renew().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let message = "the lease of s3://bucket/p changed while it was renewed";
    assert_eq!(error.to_string(), message);
    assert_eq!(keeper.valid_for().unwrap(), MINUTE * 4);
    meet();
    keeper.renew_now().unwrap();
    assert!(keeper.valid_for().unwrap() > MINUTE * 4);
}

/// They can both be alive only where somebody removed the lease of one of them, and it came back.
#[test]
fn a_holder_does_not_wait_for_ever_for_another_one_that_is_alive() {
    let world = World::new();
    let first = Arc::new(taken(&world.host(), LockWait::Fail, "the first").unwrap());
    let [name] = world.names().try_into().unwrap();
    let content = world.content(&name);
    world.remove(&name);
    let second = Arc::new(taken(&world.host(), LockWait::Fail, "the second").unwrap());
    world.put(&name, content.as_bytes());
    renewed_for(&first, &world, 60);
    renewed_for(&second, &world, 60);
    let error = second.wait_until_alone().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let message = "s3://bucket/p is also locked by the first, which does not give way";
    assert_eq!(error.to_string(), message);
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("when it has finished"))
    );
    assert!(world.time() > MINUTE * 30 && world.time() < MINUTE * 32);
    first.valid_for().unwrap();
}

#[test]
fn a_holder_that_waits_for_another_one_can_be_stopped() {
    let world = World::new();
    let (ground, stop) = stoppable(&world.host());
    let keeper = take(&ground, LockWait::Fail, "a", &never).unwrap();
    world.put("ab", b"{}");
    stop.store(true, Ordering::SeqCst);
    assert_eq!(keeper.wait_until_alone().unwrap_err().kind(), ErrorKind::Stopped);
}

/// The next one takes it when the request in doubt cannot be carried out any more.
#[test]
fn a_holder_that_is_stopped_leaves_its_lease_to_what_may_still_be_carried_out() {
    let world = World::new();
    let (ground, stop) = stoppable(&world.host());
    let keeper = take(&ground, LockWait::Fail, "a", &never).unwrap();
    keeper.in_doubt_for(MINUTE * 2);
    stop.store(true, Ordering::SeqCst);
    keeper.release();
    assert_eq!(world.time(), Duration::ZERO);
    assert_eq!(world.names().len(), 1);
    let error = taken(&world.host(), LockWait::Fail, "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    world.pass(MINUTE * 11);
    taken(&world.host(), LockWait::Fail, "b").unwrap();
}

#[test]
fn a_store_that_does_not_list_what_was_written_is_no_place_for_backups() {
    let world = World::new();
    let host = world.host();
    let gone = Arc::clone(&world);
    host.client.faults().during_put = Some(Box::new(move || {
        for name in gone.names() {
            gone.remove(&name);
        }
    }));
    let error = taken(&host, LockWait::Fail, "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let reason = "does not list an object that was just written: it is no place for backups";
    assert!(error.to_string().ends_with(reason), "{error}");
}
