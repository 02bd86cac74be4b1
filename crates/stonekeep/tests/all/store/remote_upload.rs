//! Objects are written whole or not at all, whatever happens to the requests.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use stonekeep::ErrorKind;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Durability, Key, Put, PutContent, PutMode, Store};
use stonekeep_testkit::store_conformance::{self, Place};

use super::bucket;
use crate::support::faults::{FAILURES, Fault, How, VERBS, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

pub(super) const RUN: &str = "7";

/// A file of two parts.
const LARGE_BYTES: usize = (8 << 20) + 1000;

pub(super) fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

pub(super) fn store_of(objects: &Arc<FaultyObjects>) -> Store {
    let store = RemoteStore::new(Arc::clone(objects) as _, "p", "objects of a test").unwrap();
    store.with_multipart(Arc::clone(objects) as _).into()
}

pub(super) fn large(first: u8) -> Vec<u8> {
    let mut bytes = vec![first; LARGE_BYTES];
    bytes[LARGE_BYTES - 1] = first.wrapping_add(1);
    bytes
}

fn put(store: &Store, path: &str, bytes: &[u8], mode: PutMode) -> Put {
    let content = PutContent::Bytes(bytes);
    store
        .put(RUN, &key(path), content, mode, Durability::Durable)
        .unwrap()
}

/// As the engine does it: an upload without an answer is made again, over what it may have left.
pub(super) fn upload(store: &Store, path: &str, bytes: &[u8]) {
    let size_bytes = bytes.len() as u64;
    let upload = |mode| store.upload(RUN, &key(path), &mut &*bytes, size_bytes, mode);
    if upload(PutMode::IfAbsent).is_err() {
        upload(PutMode::Replace).unwrap();
    }
}

/// Everything that a run does with a store, each with its result checked.
fn everything(store: &Store) {
    upload(store, "tables/1", b"a small table");
    upload(store, "tables/2", &large(2));
    assert_eq!(put(store, "meta/1", b"one", PutMode::IfAbsent), Put::Done);
    assert_eq!(put(store, "meta/1", b"one", PutMode::IfAbsent), Put::Same);
    assert_eq!(put(store, "meta/1", b"two", PutMode::IfAbsent), Put::Taken);
    assert_eq!(put(store, "meta/1", b"three", PutMode::Replace), Put::Done);
    store
        .record(RUN, &key("journal/1"), &mut &b"it is done"[..])
        .unwrap();
    let leftovers = store.leftovers().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert_eq!(leftovers[0].uploads.len(), 1, "{leftovers:?}");
    for doubtful in &leftovers[0].doubtful {
        assert_eq!(doubtful, &key("tables/2"));
    }
    let left = store.delete(&[key("tables/1"), key("tables/absent")]);
    assert!(left.is_empty(), "{left:?}");
    store.discard(RUN).unwrap();
}

/// Whole files and nothing else, but marks of completions that had no answer.
fn check_everything(objects: &FaultyObjects, fault: &str) {
    let mut contents = objects.contents();
    contents.retain(|path, _| !path.starts_with("p/stonekeep/runs/7/marks/"));
    let expected = BTreeMap::from([
        ("p/meta/1".to_owned(), b"three".to_vec()),
        ("p/tables/2".to_owned(), large(2)),
    ]);
    assert!(contents == expected, "{fault}: {:?}", contents.keys());
    assert_eq!(objects.violations(), [""; 0], "{fault}");
}

#[test]
fn the_store_keeps_its_contract_with_every_kind_of_client() {
    for create in [Create::Honoured, Create::Ignored, Create::NotImplemented] {
        store_conformance::run_on_files(|| {
            let objects = FaultyObjects::new(create);
            Box::new(move || store_of(&objects)) as Place
        });
    }
    // A client without the requests of multipart uploads.
    store_conformance::run_on_files(|| {
        let objects = FaultyObjects::new(Create::Honoured);
        Box::new(move || {
            RemoteStore::new(Arc::clone(&objects) as _, "", "objects of a test")
                .unwrap()
                .into()
        }) as Place
    });
}

#[test]
fn every_request_may_fail_before_or_after_it_is_carried_out() {
    let mut faults = Vec::new();
    for create in [Create::Honoured, Create::Ignored] {
        let objects = FaultyObjects::new(create);
        everything(&store_of(&objects));
        check_everything(&objects, "no fault");
        for verb in VERBS {
            for (nth, how) in (0..objects.requests(verb)).flat_map(|nth| FAILURES.map(|how| (nth, how))) {
                let fault = |when| Fault {
                    verb,
                    path_has: "",
                    nth,
                    when,
                    how,
                };
                faults.extend([When::Before, When::After].map(|when| (create, fault(when))));
            }
        }
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((create, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let objects = FaultyObjects::new(*create);
                    objects.fail([fault.clone()]);
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        everything(&store_of(&objects));
                        check_everything(&objects, &format!("{fault:?}"));
                        assert_eq!(objects.faults_left(), 0);
                    }));
                    if ended.is_err() {
                        failed.lock().unwrap().push(format!("{create:?} {fault:?}"));
                    }
                }
            });
        }
    });
    assert!(faults.len() > 300, "{}", faults.len());
    assert_eq!(*failed.lock().unwrap(), [""; 0]);
}

#[test]
fn a_put_that_lost_its_answer_is_ones_own_and_another_object_is_not() {
    for how in FAILURES {
        let objects = FaultyObjects::new(Create::Honoured);
        let store = store_of(&objects);
        let own = Fault {
            verb: Verb::Put,
            path_has: "ids/",
            nth: 0,
            when: When::After,
            how,
        };
        objects.fail([own.clone()]);
        assert_eq!(
            put(&store, "ids/1", b"ours", PutMode::IfAbsent),
            Put::Done,
            "{how:?}"
        );
        objects.put_behind("p/ids/2", b"theirs");
        objects.fail([Fault {
            when: When::Before,
            ..own
        }]);
        assert_eq!(
            put(&store, "ids/2", b"ours", PutMode::IfAbsent),
            Put::Taken,
            "{how:?}"
        );
        assert_eq!(objects.contents()["p/ids/2"], b"theirs");
    }
}

#[test]
fn a_store_that_does_not_know_the_condition_gets_it_once() {
    let objects = FaultyObjects::new(Create::NotImplemented);
    let store = store_of(&objects);
    upload(&store, "tables/1", b"one");
    assert_eq!(objects.requests(Verb::Put), 2);
    upload(&store, "tables/2", b"two");
    assert_eq!(put(&store, "ids/1", b"three", PutMode::IfAbsent), Put::Done);
    assert_eq!(objects.requests(Verb::Put), 4);
    // Nothing but a look keeps a key from being taken twice there.
    assert_eq!(put(&store, "ids/1", b"four", PutMode::IfAbsent), Put::Taken);
    assert_eq!(objects.requests(Verb::Put), 4);
}

#[test]
fn a_refusal_is_not_repeated() {
    let objects = FaultyObjects::new(Create::Ignored);
    let store = store_of(&objects);
    let before = objects.requests(Verb::Put);
    objects.fail([Fault {
        verb: Verb::Put,
        path_has: "tables/2",
        nth: 0,
        when: When::Before,
        how: How::Denied,
    }]);
    let denied = store.upload(RUN, &key("tables/2"), &mut &b"x"[..], 1, PutMode::IfAbsent);
    assert_eq!(
        denied.unwrap_err().io_kind(),
        Some(std::io::ErrorKind::PermissionDenied)
    );
    assert_eq!(objects.requests(Verb::Put), before + 1);
}

#[test]
fn an_upload_onto_another_object_leaves_both_alone() {
    for bytes in [b"new".to_vec(), large(1)] {
        let objects = FaultyObjects::new(Create::Honoured);
        objects.put_behind("p/a", b"old");
        let refused = store_of(&objects).upload(
            RUN,
            &key("a"),
            &mut &*bytes,
            bytes.len() as u64,
            PutMode::IfAbsent,
        );
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(
            objects.contents(),
            BTreeMap::from([("p/a".to_owned(), b"old".to_vec())])
        );
        assert_eq!(objects.uploads_under_way(), 0);
    }
}

/// Content that ends with an error.
struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.min(buffer.len());
        self.0 -= count;
        match count {
            0 => Err(std::io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn what_was_sent_of_a_file_that_fails_is_removed() {
    let objects = FaultyObjects::new(Create::Honoured);
    let failed = store_of(&objects).upload(
        RUN,
        &key("a"),
        &mut Failing(20 << 20),
        30 << 20,
        PutMode::IfAbsent,
    );
    assert!(failed.unwrap_err().one_line().contains("the disk is gone"));
    assert!(objects.requests(Verb::Part) >= 2);
    assert_eq!(objects.uploads_under_way(), 0);
    assert_eq!(objects.contents(), BTreeMap::new());
}

#[test]
fn a_completion_that_lost_its_answer_is_found_by_its_token() {
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    objects.fail([Fault {
        verb: Verb::Complete,
        path_has: "",
        nth: 0,
        when: When::After,
        how: How::Unavailable,
    }]);
    let bytes = large(4);
    store
        .upload(
            RUN,
            &key("a"),
            &mut &*bytes,
            bytes.len() as u64,
            PutMode::IfAbsent,
        )
        .unwrap();
    assert_eq!(objects.requests(Verb::Complete), 1);
    assert_eq!(objects.requests(Verb::Begin), 1);
    assert_eq!(store.leftovers().unwrap(), []);
}

#[test]
fn all_transfers_together_keep_to_one_budget() {
    const BUDGET_BYTES: usize = 96 << 20;
    let objects = FaultyObjects::new(Create::Ignored);
    let store = store_of(&objects);
    thread::scope(|scope| {
        for number in 0..16 {
            let store = &store;
            scope.spawn(move || {
                let size_bytes = if number % 2 == 0 { 20 << 20 } else { 7 << 20 };
                let mut content = std::io::repeat(number).take(size_bytes);
                store
                    .upload(
                        RUN,
                        &key(&format!("t/{number}")),
                        &mut content,
                        size_bytes,
                        PutMode::IfAbsent,
                    )
                    .unwrap();
            });
        }
    });
    let most = objects.most_moving_bytes();
    assert!(most > 16 << 20 && most <= BUDGET_BYTES, "{most}");
    for (path, bytes) in objects.contents() {
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{path}");
    }
}

#[test]
fn a_real_server_keeps_the_contract() {
    let test = "a_real_server_keeps_the_contract";
    let Some(bucket) = bucket::of_test(test) else {
        return;
    };
    let next = AtomicUsize::new(0);
    store_conformance::run_on_files(|| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let url = format!("{bucket}/contract/{}/{number}", std::process::id());
        Box::new(move || bucket::opened(&url, &[])) as Place
    });
}
