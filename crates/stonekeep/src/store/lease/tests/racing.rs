//! Writers on threads, with the machine's clock and a period of a second.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::store::lease::{BootClock, Ground, Times, take};

const WRITERS: u32 = 4;
const ROUNDS: u32 = 8;

#[test]
fn one_of_several_writers_at_a_time_holds_it() {
    let world = World::new();
    let locks = tempfile::tempdir().unwrap();
    let (holders, rounds) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let ground = Ground {
                clock: Arc::new(BootClock),
                times: Times::of_period(Duration::from_secs(1)).unwrap(),
                lock_directories: vec![PathBuf::from(locks.path())],
                ..world.host().ground()
            };
            let (holders, rounds) = (&holders, &rounds);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let held = take(&ground, LockWait::Forever, "writer", &never).unwrap();
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(2));
                    assert_eq!(holders.fetch_sub(1, Ordering::SeqCst), 1);
                    rounds.fetch_add(1, Ordering::SeqCst);
                    match (writer + round) % 3 {
                        // Killed: the others see it by the lock.
                        0 => crate::store::contract::Lease::abandon(Box::new(held)),
                        _ => drop(held),
                    }
                }
            });
        }
    });
    assert_eq!(rounds.load(Ordering::SeqCst), WRITERS * ROUNDS);
    assert_eq!(
        std::fs::read_dir(locks.path()).unwrap().count(),
        world.names().len()
    );
}

#[test]
fn the_thread_of_a_holder_renews_it() {
    let world = World::new();
    let ground = Ground {
        clock: Arc::new(BootClock),
        times: Times::of_period(Duration::from_secs(1)).unwrap(),
        ..world.host().ground()
    };
    let held = take(&ground, LockWait::Fail, "a", &never).unwrap();
    let [name] = world.names().try_into().unwrap();
    let first = world.content(&name);
    while world.content(&name) == first {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(held);
    assert_eq!(world.names(), [""; 0]);
}
