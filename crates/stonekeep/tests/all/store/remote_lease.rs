//! One writer at a time in object stores: leases, pins, and changes that come too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use stonekeep::engine::BackupEngine;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Durability, Held, Key, LockWait, Put, PutContent, PutMode, Store};
use stonekeep::{ErrorKind, LocalStore, Quiet};
use stonekeep_testkit::store_conformance::{self, Place};

use super::bucket::{self, opened};
use crate::support::holding_proxy::HoldingProxy;
use crate::support::scene::{Scene, options};

/// Long enough for a busy server, short enough to be waited for.
const PERIOD: &str = "20s";

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn put(store: &Store, path: &str, bytes: &[u8], mode: PutMode) -> stonekeep::Result<Put> {
    let content = PutContent::Bytes(bytes);
    store.put("7", &key(path), content, mode, Durability::Durable)
}

fn content(store: &Store, path: &str) -> Vec<u8> {
    store.read(&key(path), 1 << 20).unwrap()
}

fn take(store: &Store, wait: LockWait, holder: &str) -> stonekeep::Result<Held> {
    store.lease(wait, holder, &|| false)
}

fn in_memory(objects: &Arc<InMemory>) -> Store {
    let store = RemoteStore::new(Arc::clone(objects) as _, "p", "memory of a test").unwrap();
    let store = store.with_lease_period(Duration::from_secs(1)).unwrap();
    store.used_by_one_process().into()
}

fn only_lease(objects: &InMemory) -> ObjectPath {
    let directory = ObjectPath::from("p/stonekeep/leases");
    let listed = objects.list_with_delimiter(Some(&directory)).now_or_never();
    let [lease] = listed.unwrap().unwrap().objects.try_into().unwrap();
    lease.location
}

#[test]
fn leases_and_pins_of_objects_keep_the_contract() {
    store_conformance::run_on_holding(|| {
        let objects = Arc::new(InMemory::new());
        Box::new(move || in_memory(&objects)) as Place
    });
}

#[test]
fn a_holder_changes_what_it_likes_until_its_lease_is_gone() {
    let objects = Arc::new(InMemory::new());
    let store = in_memory(&objects);
    assert_eq!(store.now(), None);
    let held = take(&store, LockWait::Fail, "a").unwrap();
    assert!(store.now().is_some());
    assert!(!held.took_over());
    put(&store, "meta/1", b"1", PutMode::IfAbsent).unwrap();
    put(&store, "meta/2", b"2", PutMode::IfAbsent).unwrap();
    assert!(store.delete(&[key("meta/2"), key("meta/3")]).is_empty());
    assert_eq!(store.stat(&key("meta/2")).unwrap(), None);

    let lease = only_lease(&objects);
    objects.delete(&lease).now_or_never().unwrap().unwrap();
    let error = put(&store, "meta/1", b"3", PutMode::Replace).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let left = store.delete(&[key("meta/1")]);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].error.kind(), ErrorKind::Locked);
    assert_eq!(held.check().unwrap_err().kind(), ErrorKind::Locked);
    drop(held);
    assert_eq!(content(&store, "meta/1"), b"1");
}

#[test]
fn a_lease_says_that_its_holder_deletes_before_it_does() {
    let objects = Arc::new(InMemory::new());
    let store = in_memory(&objects);
    let held = take(&store, LockWait::Fail, "a").unwrap();
    let says = || {
        let found = objects
            .get(&only_lease(&objects))
            .now_or_never()
            .unwrap()
            .unwrap();
        let bytes = found.bytes().now_or_never().unwrap().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    put(&store, "meta/1", b"1", PutMode::IfAbsent).unwrap();
    assert!(says().contains("\"deleting\":false"), "{}", says());
    assert!(store.delete(&[key("meta/1")]).is_empty());
    assert!(says().contains("\"deleting\":true"), "{}", says());
    drop(held);
}

#[test]
fn a_collection_needs_a_signer_or_a_caller_that_vouches() {
    let objects = Arc::new(InMemory::new());
    let open = || RemoteStore::new(Arc::clone(&objects) as _, "p", "memory of a test").unwrap();
    let scene = Scene::new();
    let local = scene.path("repository");
    scene.create(&LocalStore::new(&local).into()).unwrap();
    super::remote::copy(&objects, &local, "p");
    let collect = |store: RemoteStore| {
        let engine = BackupEngine::open(options(), store).unwrap();
        engine.garbage_collect(Duration::ZERO, &Quiet)
    };
    let error = collect(open()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("signer"), "{error:?}");
    collect(open().used_by_one_process()).unwrap();
}

/// One more place in the bucket that no other test uses.
fn place_in(bucket: &str, test: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{bucket}/{test}/{}/{number}", std::process::id())
}

#[test]
fn leases_and_pins_of_a_real_server_keep_the_contract() {
    let test = "leases_and_pins_of_a_real_server_keep_the_contract";
    let Some(bucket) = bucket::of_test(test) else {
        return;
    };
    store_conformance::run_on_holding(|| {
        let url = place_in(&bucket, test);
        Box::new(move || opened(&url, &[("lease_period", "4")])) as Place
    });
}

#[test]
fn a_holder_changes_a_real_server_by_signed_requests() {
    let test = "a_holder_changes_a_real_server_by_signed_requests";
    let Some(bucket) = bucket::of_test(test) else {
        return;
    };
    let store = opened(&place_in(&bucket, test), &[]);
    let _held = take(&store, LockWait::Fail, "a").unwrap();
    assert_eq!(
        put(&store, "meta/1", b"one", PutMode::IfAbsent).unwrap(),
        Put::Done
    );
    assert_eq!(
        put(&store, "meta/1", b"one", PutMode::IfAbsent).unwrap(),
        Put::Same
    );
    assert_eq!(
        put(&store, "meta/1", b"two", PutMode::IfAbsent).unwrap(),
        Put::Taken
    );
    assert_eq!(put(&store, "meta/1", b"", PutMode::Replace).unwrap(), Put::Done);
    assert_eq!(content(&store, "meta/1"), b"");
    // The signer of Azure cannot sign for paths that are percent-encoded.
    let tail = if bucket.starts_with("s3") { "+&<é>" } else { "" };
    let names: Vec<Key> = (0..1_003)
        .map(|number| key(&format!("t/{number}{tail}")))
        .collect();
    for name in names.iter().step_by(250) {
        put(&store, name.as_str(), b"x", PutMode::IfAbsent).unwrap();
    }
    assert!(store.delete(&names).is_empty());
    assert_eq!(store.list(Some(&key("t"))).unwrap(), []);
    assert!(store.delete(&[key("meta/1")]).is_empty());
    assert_eq!(store.stat(&key("meta/1")).unwrap(), None);
}

/// The server said that the request came too late. MinIO says it of each object that a bulk deletion names.
#[track_caller]
fn assert_refused(answer: &str) {
    let says = ["expired", "Date is too old"]
        .iter()
        .any(|words| answer.contains(words));
    let is_refused = answer.starts_with("HTTP/1.1 403 ") || answer.starts_with("HTTP/1.1 400 ");
    let is_of_objects = answer.starts_with("HTTP/1.1 200 ") && !answer.contains("<Deleted>");
    assert!(says && (is_refused || is_of_objects), "{answer}");
}

/// The proxy holds a request for longer than it was signed for.
#[test]
fn a_request_that_arrives_too_late_is_refused_and_made_again() {
    let test = "a_request_that_arrives_too_late_is_refused_and_made_again";
    let Some(bucket) = bucket::of_test(test) else {
        return;
    };
    for words in ["PUT /", "?delete"] {
        let proxy = HoldingProxy::start(&std::env::var("AWS_ENDPOINT").unwrap());
        let url = place_in(&bucket, test);
        let store = opened(&url, &[("aws_endpoint", &proxy.url), ("lease_period", PERIOD)]);
        let held = take(&store, LockWait::Fail, "a").unwrap();
        let keys = [key("meta/1"), key("meta/2")];
        for key in &keys {
            put(&store, key.as_str(), b"old", PutMode::Replace).unwrap();
        }
        thread::scope(|scope| {
            // Only the fence's requests have the words: the lease is renewed under another path.
            proxy.hold_one(if words == "PUT /" { "meta/1?" } else { words });
            let change = scope.spawn(|| match words {
                "PUT /" => drop(put(&store, "meta/1", b"new", PutMode::Replace).unwrap()),
                _ => assert!(store.delete(&keys).is_empty()),
            });
            change.join().unwrap();
        });
        let answers = proxy.release();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_refused(&answers[0]);
        drop(held);
    }
}

/// As SIGSTOP does it to a process in the middle of a request: nothing of it arrives until another one has gone on.
#[test]
fn a_holder_that_was_stopped_changes_nothing_when_it_goes_on() {
    let test = "a_holder_that_was_stopped_changes_nothing_when_it_goes_on";
    let Some(bucket) = bucket::of_test(test) else {
        return;
    };
    let proxy = HoldingProxy::start(&std::env::var("AWS_ENDPOINT").unwrap());
    let url = place_in(&bucket, test);
    let period = ("lease_period", PERIOD);
    let stopped = opened(&url, &[("aws_endpoint", &proxy.url), period]);
    let other = opened(&url, &[period]);
    let held = take(&stopped, LockWait::Fail, "stopped").unwrap();
    let keys = [key("t/1"), key("t/2")];
    for key in &keys {
        put(&stopped, key.as_str(), b"used again", PutMode::IfAbsent).unwrap();
    }
    proxy.stop_after("?delete");
    thread::scope(|scope| {
        let deletion = scope.spawn(|| stopped.delete(&keys));
        proxy.wait_until_held();
        let taken = take(&other, LockWait::Forever, "other").unwrap();
        assert!(taken.took_over());
        put(&other, "meta/1", b"names both", PutMode::IfAbsent).unwrap();
        let answers = proxy.release();
        assert_refused(&answers[0]);
        let left = deletion.join().unwrap();
        assert_eq!(left.len(), 2);
        assert!(left.iter().all(|left| left.error.kind() == ErrorKind::Locked));
        taken.check().unwrap();
    });
    let error = put(&stopped, "meta/2", b"late", PutMode::IfAbsent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop(held);
    for key in &keys {
        assert_eq!(content(&other, key.as_str()), b"used again");
    }
    assert_eq!(other.stat(&key("meta/2")).unwrap(), None);
    assert_eq!(content(&other, "meta/1"), b"names both");
}
