//! Checks of the contract on directories, for stores that have them: a name is a file or a directory, never both.

use stonekeep::ErrorKind;
use stonekeep::store::{Durability, Persist, PutContent, PutMode};

use super::place::{Check, Place, content, key, made, names, put};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("a root is made once, and seen by every handle", root_is_made),
    ("nothing is made without a root", nothing_without_root),
    ("a directory is no regular file", directories_are_no_files),
    (
        "a directory that is not empty is not deleted",
        full_directories_stay,
    ),
    (
        "directories that are gone can be synced",
        sync_directories_of_any_kind,
    ),
    (
        "visible files can be synced, missing ones not",
        visible_files_are_synced,
    ),
    (
        "deleting is idempotent and reports what is left",
        deleting_is_idempotent_and_reports_what_is_left,
    ),
    ("a name that is too long for a file is not there", long_names),
    ("a directory cannot be copied", directories_are_not_copied),
    ("a listing has one directory only", nothing_below),
];

fn root_is_made(place: &Place) {
    let (one, other) = (place(), place());
    assert!(!one.exists().unwrap());
    one.create_root(Durability::Durable).unwrap();
    assert!(other.exists().unwrap());
    put(&one, "a", b"1");
    other.create_root(Durability::Durable).unwrap();
    assert_eq!(content(&other, "a"), b"1");
}

fn nothing_without_root(place: &Place) {
    let store = place();
    let error = store
        .upload("area", &key("a"), &mut &b"1"[..], 1, PutMode::IfAbsent)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(store.list(None).unwrap(), []);
    assert!(!store.exists().unwrap());
}

fn directories_are_no_files(place: &Place) {
    let store = made(place);
    put(&store, "d/a", b"1");
    assert_eq!(store.stat(&key("d")).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.open(&key("d")).err().unwrap().kind(), ErrorKind::Corrupt);
    assert_eq!(
        store.list(Some(&key("d/a"))).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

fn full_directories_stay(place: &Place) {
    let store = made(place);
    put(&store, "d/a", b"1");
    assert_eq!(
        store.delete_one(&key("d")).unwrap_err().kind(),
        ErrorKind::Refused
    );
    assert_eq!(content(&store, "d/a"), b"1");
}

fn sync_directories_of_any_kind(place: &Place) {
    let store = made(place);
    put(&store, "d/a", b"1");
    for durability in [Durability::Durable, Durability::Buffered] {
        store
            .persist(Persist::Names(&[key("d"), key("gone/deep")]), durability)
            .unwrap();
    }
}

fn visible_files_are_synced(place: &Place) {
    let store = made(place);
    put(&store, "d/a", b"1");
    for durability in [Durability::Durable, Durability::Buffered] {
        store.persist(Persist::Files(&[key("d/a")]), durability).unwrap();
    }
    assert_eq!(content(&store, "d/a"), b"1");
    let error = store
        .persist(Persist::Files(&[key("d/b")]), Durability::Durable)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn deleting_is_idempotent_and_reports_what_is_left(place: &Place) {
    let store = made(place);
    for path in ["d/a", "d/b", "e/f/g"] {
        put(&store, path, b"1");
    }
    let keys = ["d/a", "e", "missing", "d/b"].map(key);
    for _ in 0..2 {
        let left = store.delete(&keys);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(
            (left[0].key.as_str(), left[0].error.kind()),
            ("e", ErrorKind::Refused)
        );
    }
    assert_eq!(names(&store, "d"), [""; 0]);
    assert_eq!(content(&store, "e/f/g"), b"1");
}

fn directories_are_not_copied(place: &Place) {
    let store = made(place);
    put(&store, "d/c", b"2");
    for durability in [Durability::Durable, Durability::Buffered] {
        let copy = PutContent::CopyOf(&key("d"));
        let error = store
            .put("copies", &key("b"), copy, PutMode::IfAbsent, durability)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

fn long_names(place: &Place) {
    let store = made(place);
    let long = key(&"long".repeat(100));
    assert_eq!(store.stat(&long).unwrap(), None);
    store.delete_one(&long).unwrap();
    assert_eq!(store.open(&long).err().unwrap().kind(), ErrorKind::NotFound);
    let copy = PutContent::CopyOf(&long);
    let error = store
        .put("copies", &key("b"), copy, PutMode::IfAbsent, Durability::Durable)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn nothing_below(place: &Place) {
    let store = made(place);
    put(&store, "d/a", b"1");
    let is_listed = store.visit_below(&key("d"), &mut |key, _| panic!("{key}"));
    assert!(!is_listed.unwrap());
}
