//! Deaths on the same machine, which a locked file proves.

use std::path::{Path, PathBuf};

use super::*;
use crate::store::lease::Ground;

fn ground(host: &Host, locks: &Path) -> Ground {
    Ground {
        lock_directories: vec![PathBuf::from(locks)],
        ..host.ground()
    }
}

fn taken_with(host: &Host, locks: &Path, holder: &str) -> Result<Keeper> {
    take(&ground(host, locks), LockWait::Fail, holder, &never)
}

#[test]
fn the_next_run_of_the_same_machine_goes_on_at_once() {
    let locks = tempfile::tempdir().unwrap();
    let world = World::new();
    let holder = taken_with(&world.host(), locks.path(), "dead").unwrap();
    let error = taken_with(&world.host(), locks.path(), "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "it is alive");
    holder.abandon();
    let start = world.time();
    let keeper = taken_with(&world.host(), locks.path(), "b").unwrap();
    assert!(world.time() - start < MINUTE);
    assert!(keeper.took_over());
    keeper.release();
    assert_eq!(std::fs::read_dir(locks.path()).unwrap().count(), 0);
}

#[test]
fn a_stopped_holder_of_the_same_machine_keeps_its_lock() {
    let locks = tempfile::tempdir().unwrap();
    let world = World::new();
    let stopped = taken_with(&world.host(), locks.path(), "stopped").unwrap();
    world.pass(MINUTE * 11);
    let start = world.time();
    let keeper = taken_with(&world.host(), locks.path(), "b").unwrap();
    assert!(world.time() - start >= MINUTE * 10, "it was watched as any other");
    assert_lost(&stopped);
    keeper.valid_for().unwrap();
}

#[test]
fn one_that_was_deleting_is_taken_when_its_requests_have_run_out() {
    let locks = tempfile::tempdir().unwrap();
    let world = World::new();
    let host = world.host();
    host.clock.set_ahead(MINUTE);
    let holder = taken_with(&host, locks.path(), "dead").unwrap();
    holder.doing_deletions().unwrap();
    world.pass(MINUTE);
    holder.abandon();
    let start = world.time();
    let keeper = taken_with(&world.host(), locks.path(), "b").unwrap();
    let waited = world.time() - start;
    // Accepted for 2 minutes and the lead of its clock, and a minute.
    assert!(waited >= MINUTE * 4 && waited < MINUTE * 5, "{waited:?}");
    assert!(keeper.took_over());
}

#[test]
fn one_that_was_deleting_and_is_long_dead_is_taken_at_once() {
    let locks = tempfile::tempdir().unwrap();
    let world = World::new();
    let holder = taken_with(&world.host(), locks.path(), "dead").unwrap();
    holder.doing_deletions().unwrap();
    holder.abandon();
    world.pass(MINUTE * 11);
    let start = world.time();
    taken_with(&world.host(), locks.path(), "b").unwrap();
    assert!(world.time() - start < MINUTE);
}

#[test]
fn an_absent_file_and_another_one_prove_nothing() {
    let locks = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let world = World::new();
    let holder = taken_with(&world.host(), locks.path(), "a").unwrap();
    let [name] = world.names().try_into().unwrap();
    for locks in [elsewhere.path(), locks.path()] {
        let _ = std::fs::remove_file(locks.join(&name));
        let error = taken_with(&world.host(), locks, "b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        std::fs::write(locks.join(&name), b"").unwrap();
        let error = taken_with(&world.host(), locks, "b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    holder.valid_for().unwrap();
}

#[test]
fn the_lock_of_another_kernel_proves_nothing() {
    let locks = tempfile::tempdir().unwrap();
    let world = World::new();
    taken_with(&world.host(), locks.path(), "dead").unwrap().abandon();
    let [name] = world.names().try_into().unwrap();
    let here = crate::store::pin_name::boot_id().unwrap();
    let content = world.content(&name).replace(here, &"0".repeat(here.len()));
    world.put(&name, content.as_bytes());
    let error = taken_with(&world.host(), locks.path(), "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
}
