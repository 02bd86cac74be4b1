//! What runs have left beside their files is found and removed, and no upload is aborted that may have completed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stonekeep::ErrorKind;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{LockWait, PutMode, Store};

use super::remote_upload::{RUN, key, large, store_of, upload};
use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

#[test]
fn a_run_that_has_written_nothing_beside_its_files_is_not_looked_for() {
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    upload(&store, "tables/1", b"one");
    let before = objects.requests(Verb::List);
    store.discard(RUN).unwrap();
    assert_eq!(objects.requests(Verb::List), before);
    store.record(RUN, &key("journal"), &mut &b"a record"[..]).unwrap();
    store.discard(RUN).unwrap();
    assert_eq!(objects.requests(Verb::List), before + 1);
    assert!(!objects.contents().keys().any(|key| key.contains("/runs/")));
}

/// A run was killed when it had sent the completion of this file, which the store has not carried out.
fn killed_in_a_completion() -> Arc<FaultyObjects> {
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    objects.fail([Fault {
        verb: Verb::Complete,
        path_has: "",
        nth: 0,
        when: When::Before,
        how: How::Reset,
    }]);
    let bytes = large(3);
    let failed = store.upload(
        RUN,
        &key("tables/3"),
        &mut &*bytes,
        bytes.len() as u64,
        PutMode::IfAbsent,
    );
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
    let leftovers = store_of(&objects).leftovers().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert_eq!((&*leftovers[0].run, &*leftovers[0].uploads), (RUN, &[][..]));
    assert_eq!(leftovers[0].doubtful, [key("tables/3")]);
    objects
}

#[test]
fn an_upload_whose_completion_may_be_under_way_is_aborted_later() {
    let objects = killed_in_a_completion();
    let store = store_of(&objects);
    assert_eq!(store.leftovers().unwrap().len(), 1);
    store.discard(RUN).unwrap();
    assert_eq!(objects.requests(Verb::Abort), 0);
    assert_eq!(store.leftovers().unwrap().len(), 1);
    objects.date_forward("/probes/", Duration::from_secs(14 * 60));
    store.discard(RUN).unwrap();
    assert_eq!(objects.uploads_under_way(), 1);
    objects.date_forward("/probes/", Duration::from_secs(16 * 60));
    store.discard(RUN).unwrap();
    assert_eq!(objects.uploads_under_way(), 0);
    assert_eq!(store.leftovers().unwrap(), []);
    assert_eq!(objects.contents(), BTreeMap::new());
    assert_eq!(objects.violations(), [""; 0]);
}

/// There is no request then that ends with the lease.
#[test]
fn a_holder_that_signs_nothing_aborts_by_the_client() {
    let objects = killed_in_a_completion();
    let store = RemoteStore::new(Arc::clone(&objects) as _, "p", "objects of a test").unwrap();
    let store = store.with_multipart(Arc::clone(&objects) as _);
    let store: Store = store.used_by_one_process().into();
    objects.date_forward("/probes/", Duration::from_secs(16 * 60));
    let _held = store.lease(LockWait::Fail, "a test", &|| false).unwrap();
    assert_eq!(store.leftovers().unwrap().len(), 1);
    store.discard(RUN).unwrap();
    assert_eq!(objects.uploads_under_way(), 0);
    assert_eq!(store.leftovers().unwrap(), []);
    assert_eq!(objects.violations(), [""; 0]);
}

#[test]
fn a_client_without_ids_leaves_the_parts_to_the_bucket_and_forgets_the_mark() {
    let objects = killed_in_a_completion();
    let store = RemoteStore::new(Arc::clone(&objects) as _, "p", "objects of a test");
    let store: Store = store.unwrap().into();
    objects.date_forward("/probes/", Duration::from_secs(16 * 60));
    assert_eq!(store.leftovers().unwrap().len(), 1);
    store.discard(RUN).unwrap();
    assert_eq!(objects.requests(Verb::Abort), 0);
    assert_eq!(objects.uploads_under_way(), 1);
    assert_eq!(store.leftovers().unwrap(), []);
}

#[test]
fn what_others_have_put_among_the_runs_is_passed_over() {
    let objects = FaultyObjects::new(Create::Honoured);
    for path in ["p/stonekeep/runs/stray", "p/stonekeep/runs/7/a\\b"] {
        objects.put_behind(path, b"of another tool");
    }
    let store = store_of(&objects);
    assert_eq!(store.leftovers().unwrap(), []);
    store.record(RUN, &key("journal"), &mut &b"a record"[..]).unwrap();
    let [left] = store.leftovers().unwrap().try_into().unwrap();
    let records: Vec<_> = left.uploads.iter().map(|upload| upload.key.as_str()).collect();
    assert_eq!(records, ["journal"]);
    store.discard(RUN).unwrap();
    assert_eq!(objects.contents().len(), 2);
}

#[test]
fn a_mark_of_any_length_is_not_read_into_memory() {
    let objects = FaultyObjects::new(Create::Honoured);
    let mark = "p/stonekeep/runs/7/marks/0123";
    objects.put_behind(mark, &vec![b' '; (64 << 10) + 1]);
    let error = store_of(&objects).leftovers().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("stonekeep/runs/7/marks/0123") && text.contains("too long"),
        "{text}"
    );
    objects.put_behind(mark, b"{\"key\": 7}");
    let error = store_of(&objects).leftovers().unwrap_err();
    assert!(error.to_string().contains("not a mark of an upload"), "{error}");
}

#[test]
fn no_upload_to_a_key_with_an_object_is_aborted() {
    let objects = killed_in_a_completion();
    let store = store_of(&objects);
    // The next run uploads the file again.
    store
        .upload("8", &key("tables/3"), &mut &*large(3), 0, PutMode::Replace)
        .unwrap();
    objects.date_forward("/probes/", Duration::from_secs(24 * 60 * 60));
    assert_eq!(store.leftovers().unwrap().len(), 1);
    store.discard(RUN).unwrap();
    assert_eq!(objects.requests(Verb::Abort), 0);
    assert_eq!(store.leftovers().unwrap(), []);
    assert_eq!(objects.contents().keys().collect::<Vec<_>>(), ["p/tables/3"]);
}
