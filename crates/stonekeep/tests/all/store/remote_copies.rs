//! Large objects are copied under another key in parts, and never over another object.

use stonekeep::ErrorKind;
use stonekeep::store::{Durability, Put, PutContent, PutMode, Store};

use super::remote_upload::{RUN, key, large, store_of, upload};
use crate::support::faults::Verb;
use crate::support::faulty_objects::{Create, FaultyObjects};

fn copy(store: &Store, to: &str, mode: PutMode) -> Put {
    let content = key("tables/1");
    let content = PutContent::CopyOf(&content);
    store
        .put(RUN, &key(to), content, mode, Durability::Durable)
        .unwrap()
}

#[test]
fn a_copy_of_a_large_object_says_whether_its_key_was_free() {
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    upload(&store, "tables/1", &large(1));
    assert_eq!(copy(&store, "copies/1", PutMode::IfAbsent), Put::Done);
    assert_eq!(copy(&store, "copies/1", PutMode::IfAbsent), Put::Same);
    // Others of the same length, and of another one.
    for (path, there) in [("copies/2", large(2)), ("copies/3", b"short".to_vec())] {
        objects.put_behind(&format!("p/{path}"), &there);
        let begun = objects.requests(Verb::Begin);
        assert_eq!(copy(&store, path, PutMode::IfAbsent), Put::Taken);
        assert_eq!(objects.requests(Verb::Begin), begun, "nothing is sent");
        assert!(objects.contents()[&format!("p/{path}")] == there);
        assert_eq!(copy(&store, path, PutMode::Replace), Put::Done);
    }
    let contents = objects.contents();
    for path in ["copies/1", "copies/2", "copies/3"] {
        assert!(contents[&format!("p/{path}")] == large(1), "{path}");
    }
    assert_eq!(objects.uploads_under_way(), 0);
}

#[test]
fn a_copy_of_what_is_not_there_is_not_found() {
    let store = store_of(&FaultyObjects::new(Create::Honoured));
    let (absent, to) = (key("tables/9"), key("copies/9"));
    let content = PutContent::CopyOf(&absent);
    let copied = store.put(RUN, &to, content, PutMode::IfAbsent, Durability::Durable);
    let error = copied.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("tables/9"), "{error}");
}
