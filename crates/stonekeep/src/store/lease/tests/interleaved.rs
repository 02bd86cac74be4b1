//! Renewals, changes under a lease and its end, in every order.

use shuttle::thread;

use super::*;
use crate::store::lease::{HeldPin, take};
use crate::sync::in_every_order;

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
