//! A store of objects on another machine than this one: its time and its renewals are those of that machine.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use object_store::memory::InMemory;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{LockWait, Machine, Repeat, Repeating, Store};
use stonekeep::{Clock, ErrorKind};
use stonekeep_testkit::fake_clock::FakeClock;

const MINUTE: Duration = Duration::from_secs(60);

/// A machine whose work is done when a test says so.
struct Simulated {
    clock: FakeClock,
    work: Mutex<Vec<Repeat>>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulated").field(&self.clock).finish()
    }
}

impl Clock for Simulated {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn instant(&self) -> Instant {
        self.clock.instant()
    }

    fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration);
    }
}

#[derive(Debug)]
struct Task;

impl Repeating for Task {}

impl Machine for Simulated {
    fn repeat(&self, _: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>> {
        assert_eq!(first, MINUTE);
        self.work.lock().unwrap().push(work);
        Ok(Box::new(Task))
    }
}

#[test]
fn a_lease_is_kept_by_the_time_and_the_renewals_of_its_machine() {
    let machine = Arc::new(Simulated {
        clock: FakeClock::new(SystemTime::now()),
        work: Mutex::default(),
    });
    let objects = Arc::new(InMemory::new());
    let store = RemoteStore::new_on(machine.clone(), objects, "p", "a test").unwrap();
    let store = Store::from(store);
    let held = store.lease(LockWait::Fail, "a test", &|| false).unwrap();
    assert_eq!(held.valid_for().unwrap(), MINUTE * 5);
    machine.clock.advance(MINUTE * 4);
    assert_eq!(held.valid_for().unwrap(), MINUTE);
    let mut work = std::mem::take(&mut *machine.work.lock().unwrap());
    let next = work.iter_mut().map(|work| work()).collect::<Vec<_>>();
    assert_eq!(next, [Some(MINUTE)]);
    assert_eq!(held.valid_for().unwrap(), MINUTE * 5);
    // Who waits for it sleeps there.
    let slept = machine.clock.slept();
    let second = store.lease(LockWait::AtMost(MINUTE / 2), "another", &|| false);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    assert!(machine.clock.slept() >= slept + MINUTE / 2);
    machine.clock.advance(MINUTE * 5);
    assert_eq!(held.check().unwrap_err().kind(), ErrorKind::Locked);
}
