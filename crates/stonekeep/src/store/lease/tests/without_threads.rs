//! A process that can start no more threads.

use std::io;
use std::time::SystemTime;

use super::*;
use crate::store::contract::Lease;
use crate::store::lease::held::HeldLease;
use crate::store::lease::pin::HeldPin;
use crate::store::lease::simulation::HostClock;
use crate::store::lease::{Ground, LeaseClock};
use crate::store::machine::{Repeat, Repeating};

#[derive(Debug)]
struct NoThreads(Arc<HostClock>);

impl LeaseClock for NoThreads {
    fn boottime(&self) -> Duration {
        self.0.boottime()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep(&self, time: Duration) {
        self.0.sleep(time);
    }

    fn repeat(&self, _: &str, _: Duration, _: Repeat) -> io::Result<Box<dyn Repeating>> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn ground(host: &Host) -> Ground {
    Ground {
        clock: Arc::new(NoThreads(Arc::clone(&host.clock))),
        ..host.ground()
    }
}

/// It would run out in the middle of a backup.
#[test]
fn a_lease_that_nothing_would_renew_is_given_back() {
    let world = World::new();
    let keeper = take(&ground(&world.host()), LockWait::Fail, "a", &never).unwrap();
    let error = HeldLease::start(keeper).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), "starting the thread that renews the lease");
    assert_eq!(world.names(), [""; 0]);
}

/// A short restore ends before it runs out, and a long one notices.
#[test]
fn a_pin_that_nothing_renews_is_held_for_its_time() {
    let world = World::new();
    let (held, store_clock) = HeldPin::make(ground(&world.host()), "a".to_owned(), b"the meta file").unwrap();
    assert!(store_clock.is_some());
    world.pass(MINUTE * 3);
    assert_eq!(held.valid_for().unwrap(), MINUTE);
    world.pass(MINUTE);
    assert_eq!(held.valid_for().unwrap_err().kind(), ErrorKind::Locked);
    drop(held);
    assert_eq!(world.names(), [""; 0]);
}
