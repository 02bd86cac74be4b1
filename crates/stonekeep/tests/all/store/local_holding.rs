//! The lock and the pins of a store in a local directory.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stonekeep::store::local::LocalStore;
use stonekeep::store::{LockWait, PinState, Store};
use stonekeep::{Clock, ErrorKind};
use stonekeep_testkit::fake_clock::FakeClock;

use super::local::{key, made, put};

#[test]
fn a_lock_that_was_removed_is_lost() {
    let (directory, store) = made();
    let guard = store.lease(LockWait::Fail, "first", &|| false).unwrap();
    guard.check().unwrap();
    fs::remove_file(directory.path().join("stonekeep/lock")).unwrap();
    assert_eq!(guard.check().unwrap_err().kind(), ErrorKind::Locked);
    let second = store.lease(LockWait::Fail, "second", &|| false).unwrap();
    drop(guard);
    second.check().unwrap();
    let error = store.lease(LockWait::Fail, "third", &|| false).unwrap_err();
    assert!(error.to_string().contains("second"), "{error}");
}

#[test]
fn a_holder_cannot_write_to_the_terminal() {
    let (_directory, store) = made();
    let _guard = store
        .lease(LockWait::Fail, "\x1b[2Jevil\nsecond line", &|| false)
        .unwrap();
    let error = store.lease(LockWait::Fail, "me", &|| false).unwrap_err();
    assert!(error.to_string().ends_with(" ?[2Jevil"), "{error:?}");
}

#[test]
fn a_pin_from_elsewhere_stays_for_an_hour() {
    let (directory, _) = made();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let store = Store::from(LocalStore::new(directory.path()).with_clock(clock.clone()));
    let pin = key("stonekeep/pins/0123456789abcdef0123456789abcdef-0123456789abcdef");
    put(&store, pin.as_str(), b"made on another machine");
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Held);
    let file = fs::File::options()
        .write(true)
        .open(directory.path().join(pin.as_str()))
        .unwrap();
    let set_age = |minutes: u64| {
        let age = Duration::from_secs(minutes * 60);
        file.set_modified(clock.now() - age).unwrap();
    };
    set_age(59);
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Held);
    file.set_modified(clock.now() + Duration::from_secs(600)).unwrap();
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Held);
    set_age(61);
    assert_eq!(store.sweep_pin(&pin, &|| false).unwrap(), PinState::Removed);
}

/// A collector may look at a pin at any moment while it is made.
#[test]
fn collectors_never_take_a_pin_that_is_being_made() {
    let (_directory, store) = made();
    let pins = key("stonekeep/pins");
    let making = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            for _ in 0..1000 {
                let (pin, guard) = store.pin(&pins, b"content").unwrap();
                guard.check().unwrap();
                assert_eq!(store.read(&pin, 100).unwrap(), b"content");
            }
        });
        scope.spawn(|| {
            while making.load(Ordering::SeqCst) {
                for entry in store.names(Some(&pins)).unwrap() {
                    store
                        .sweep_pin(&pins.join(&entry.name).unwrap(), &|| false)
                        .unwrap();
                }
            }
        });
        let made = maker.join();
        making.store(false, Ordering::SeqCst);
        made.unwrap();
    });
    assert_eq!(store.names(Some(&pins)).unwrap(), []);
}

#[test]
fn a_writer_refuses_while_another_one_writes_as_into_an_object_store() {
    let (directory, _) = made();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let store = Store::from(LocalStore::new(directory.path()).with_clock(clock.clone()));
    let leases = directory.path().join("stonekeep/leases");
    fs::create_dir_all(&leases).unwrap();
    let lease = leases.join("0123456789abcdef");
    fs::write(&lease, r#"{"stonekeep_lease":1,"holder":"backup, process 7"}"#).unwrap();
    let renewed = |at| {
        let file = fs::File::options().write(true).open(&lease).unwrap();
        file.set_modified(at).unwrap();
    };
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    // The clock of the store may be ahead.
    for at in [clock.now() - minutes(19), clock.now() + minutes(4)] {
        renewed(at);
        let error = store.lease(LockWait::Fail, "me", &|| false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains("backup, process 7"), "{error}");
        assert!(error.hint().unwrap().contains("one door"), "{error:?}");
    }
    // It was not locked meanwhile, and dead leases do not count.
    renewed(clock.now() - minutes(20));
    drop(store.lease(LockWait::Fail, "me", &|| false).unwrap());
    fs::write(&lease, "no lease").unwrap();
    renewed(clock.now());
    let error = store.lease(LockWait::Fail, "me", &|| false).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    fs::remove_file(&lease).unwrap();
    // No store gives a lease such a name.
    fs::write(leases.join("no\\lease"), "{}").unwrap();
    drop(store.lease(LockWait::Fail, "me", &|| false).unwrap());
}
