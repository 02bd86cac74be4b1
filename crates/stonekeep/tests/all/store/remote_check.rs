//! What `check` says of object stores that do not keep a promise.

use std::sync::Arc;
use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::store::Store;
use stonekeep::store::check::{Promise, Verdict};
use stonekeep::store::remote::RemoteStore;

use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

fn promise(objects: &Arc<FaultyObjects>, name: &str) -> Promise {
    let store = RemoteStore::new(Arc::clone(objects) as _, "p", "objects of a test").unwrap();
    let check = Store::from(store).check(&Quiet).unwrap();
    let found = check.promises.iter().find(|promise| promise.name == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {check:?}"));
    assert_eq!(check.is_usable(), found.verdict != Verdict::Broken, "{check:?}");
    assert!(objects.contents().is_empty(), "something stays");
    found.clone()
}

#[test]
fn a_store_that_creates_an_object_twice_is_told_from_one_that_cannot_be_asked() {
    for (create, verdict, follows) in [
        (Create::Honoured, Verdict::Honoured, ""),
        (
            Create::Ignored,
            Verdict::Ignored,
            "nothing relies on the condition",
        ),
        (Create::NotImplemented, Verdict::Refused, "plain writes are used"),
    ] {
        let promise = promise(&FaultyObjects::new(create), "create if absent");
        assert_eq!(promise.verdict, verdict, "{promise:?}");
        assert!(promise.follows.contains(follows), "{promise:?}");
        assert_eq!(promise.follows.is_empty(), follows.is_empty(), "{promise:?}");
    }
    let objects = FaultyObjects::new(Create::Honoured);
    let unavailable = Fault {
        verb: Verb::Put,
        path_has: "/race",
        nth: 0,
        when: When::Before,
        how: How::Unavailable,
    };
    objects.fail(vec![unavailable; 16]);
    let promise = promise(&objects, "create if absent");
    assert_eq!(promise.verdict, Verdict::Unknown, "{promise:?}");
    assert!(promise.seen.starts_with("0 of 16"), "{promise:?}");
}

#[test]
fn a_store_whose_clock_is_ten_minutes_ahead_is_found() {
    let objects = FaultyObjects::new(Create::Honoured);
    objects.date_forward("/clock", Duration::from_secs(600));
    let promise = promise(&objects, "clock");
    assert_eq!(promise.verdict, Verdict::Broken, "{promise:?}");
    assert!(promise.seen.ends_with("s ahead"), "{promise:?}");
    assert!(
        promise.follows.contains("set this machine's clock"),
        "{promise:?}"
    );
}
