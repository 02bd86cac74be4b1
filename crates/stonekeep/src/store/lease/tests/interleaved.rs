//! Renewals, changes under a lease, its end and its next holder, in every order.

use shuttle::thread;

use super::*;
use crate::store::lease::{HeldPin, take};
use crate::sync::{Mutex, in_every_order};

/// A store that writes whatever was there before: nothing but the holder itself keeps a late renewal away.
fn world() -> Arc<World> {
    let world = World::new();
    world.ignore_conditions();
    world
}

#[test]
fn a_released_lease_is_not_put_again() {
    in_every_order(|| {
        let world = world();
        let held = take(&world.host().ground(), LockWait::Fail, "a", &never).unwrap();
        let keeper = Arc::clone(held.keeper());
        let deletes = thread::spawn(move || keeper.doing_deletions());
        drop(held);
        let _ = deletes.join().unwrap();
        assert_eq!(world.names(), [""; 0]);
    });
}

#[test]
fn a_pin_that_was_let_go_is_not_put_again() {
    in_every_order(|| {
        let world = world();
        let (pin, _) = HeldPin::make(world.host().ground(), "pin".to_owned(), b"content").unwrap();
        assert_eq!(world.names(), ["pin"]);
        drop(pin);
        assert_eq!(world.names(), [""; 0]);
    });
}

#[test]
fn no_two_holders_count_their_leases_as_valid() {
    in_every_order(|| {
        let world = world();
        world.sleep_at_least(MINUTE * 4);
        let holders: Arc<Mutex<Vec<Arc<Keeper>>>> = Arc::default();
        let threads = ["a", "b"].map(|name| {
            let (ground, holders) = (world.host().ground(), Arc::clone(&holders));
            thread::spawn(move || {
                let held = match take(&ground, LockWait::Forever, name, &never) {
                    Ok(held) => held,
                    // It was stopped for so long that the other one took it for dead.
                    Err(error) => return assert_eq!(error.kind(), ErrorKind::Locked),
                };
                let mut holders = holders.lock().unwrap();
                // One that was stopped while it took its lease knows by now that this has run out.
                let is_another_valid = holders.iter().any(|other| other.valid_for().is_ok());
                assert!(!is_another_valid || held.keeper().valid_for().is_err());
                holders.push(Arc::clone(held.keeper()));
                drop(holders);
                drop(held);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
