//! What a killed process leaves of its lock and its pins. The process is this test program, run once more.

use stonekeep::ErrorKind;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::store::{Held, Key, LockWait, PinState};

use crate::support::second_process::{Holder, KilledWhileAsked, hold, store_of_second_process};

fn take(store: &Store, holder: &str) -> stonekeep::Result<Held> {
    store.lease(LockWait::Fail, holder, &|| false)
}

#[test]
fn a_killed_process_frees_the_lock() {
    if let Some(store) = store_of_second_process() {
        hold("the lock", take(&store, "the victim").unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    let (holder, _) = Holder::start("store::crash::a_killed_process_frees_the_lock", directory.path());
    let error = take(&store, "me").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("the victim"), "{error}");
    holder.kill();
    take(&store, "me").unwrap().check().unwrap();
}

#[test]
fn a_waiting_process_gets_the_lock_of_a_killed_one() {
    if let Some(store) = store_of_second_process() {
        hold("the lock", take(&store, "the victim").unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    let test = "store::crash::a_waiting_process_gets_the_lock_of_a_killed_one";
    let (holder, _) = Holder::start(test, directory.path());
    let killing = KilledWhileAsked::new(holder);
    store.lease(LockWait::Forever, "me", &|| killing.ask()).unwrap();
    assert!(killing.is_done());
}

#[test]
fn the_pin_of_a_killed_process_is_stale() {
    if let Some(store) = store_of_second_process() {
        let directory = Key::new("stonekeep/pins").unwrap();
        let (key, held) = store.pin(&directory, b"the content").unwrap();
        hold(key.as_str(), held);
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    let test = "store::crash::the_pin_of_a_killed_process_is_stale";
    let (holder, key) = Holder::start(test, directory.path());
    let key = Key::new(key).unwrap();
    assert_eq!(store.read(&key, 100).unwrap(), b"the content");
    assert_eq!(store.sweep_pin(&key, &|| false).unwrap(), PinState::Held);
    holder.kill();
    assert_eq!(store.read(&key, 100).unwrap(), b"the content");
    assert_eq!(store.sweep_pin(&key, &|| false).unwrap(), PinState::Removed);
    assert_eq!(store.stat(&key).unwrap(), None);
}
