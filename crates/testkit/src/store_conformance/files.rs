//! Checks of the contract on files: puts, uploads, reads, listings, deletions.

use std::io::Read;

use stonekeep::ErrorKind;
use stonekeep::store::{Durability, EntryKind, ObjectReader, Put, PutContent, PutMode, Store};

use super::place::{Check, Place, content, key, made, names, put, uploads};

pub(super) const CHECKS: &[(&str, Check)] = &[
    (
        "an empty or missing directory lists as empty",
        missing_directories_are_empty,
    ),
    (
        "a listing has files and directories, with sizes",
        listing_has_both,
    ),
    ("what is not there is none, or NotFound", missing_files),
    ("reads may begin and end anywhere", ranged_reads),
    ("a file above the limit is not read", limited_reads),
    ("an open file outlives its name", open_files_stay),
    ("a stream has one version of a file", a_stream_has_one_version),
    ("a copy replaces nothing", copy_replaces_nothing),
    ("a copy has the content and is another file", copy_has_content),
    ("deleting is idempotent", deleting_is_idempotent),
    ("a small file is put once", small_files_are_put_once),
];

fn a_stream_has_one_version(place: &Place) {
    let store = made(place);
    put(&store, "a", b"1111");
    let object = store.open(&key("a")).unwrap();
    let mut stream = ObjectReader::new(object.as_ref());
    let mut bytes = vec![0; 2];
    stream.read_exact(&mut bytes).unwrap();
    let replacing = PutContent::Bytes(b"222222");
    let put = store.put(
        "put",
        &key("a"),
        replacing,
        PutMode::Replace,
        Durability::Buffered,
    );
    assert_eq!(put.unwrap(), Put::Done);
    assert!(
        stream.read_to_end(&mut bytes).is_err() || bytes == b"1111",
        "{bytes:?}"
    );
}

fn missing_directories_are_empty(place: &Place) {
    let store = made(place);
    assert_eq!(store.list(None).unwrap(), []);
    assert_eq!(store.list(Some(&key("a/b"))).unwrap(), []);
    put(&store, "a/b/c", b"");
    store.delete_one(&key("a/b/c")).unwrap();
    assert_eq!(store.list(Some(&key("a/b"))).unwrap(), []);
}

fn listing_has_both(place: &Place) {
    let store = made(place);
    put(&store, "d/file", b"12345");
    put(&store, "d/sub/inner", b"1");
    put(&store, "d/sub/other", b"1");
    put(&store, "dd", b"");
    let mut entries = store.list(Some(&key("d"))).unwrap();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let seen: Vec<_> = entries.iter().map(|e| (&*e.name, e.kind, e.size_bytes)).collect();
    assert_eq!(
        seen,
        [("file", EntryKind::File, 5), ("sub", EntryKind::Directory, 0)]
    );
    let root: Vec<String> = store.list(None).unwrap().into_iter().map(|e| e.name).collect();
    assert!(root.contains(&"d".to_owned()) && root.contains(&"dd".to_owned()));
}

fn missing_files(place: &Place) {
    let store = made(place);
    for path in ["missing", "no/such"] {
        assert_eq!(store.stat(&key(path)).unwrap(), None, "{path}");
        store.delete_one(&key(path)).unwrap();
        let Err(error) = store.open(&key(path)) else {
            panic!("{path} can be opened")
        };
        assert_eq!(error.kind(), ErrorKind::NotFound, "{path}");
        let error = store
            .put(
                "copies",
                &key("b"),
                PutContent::CopyOf(&key(path)),
                PutMode::IfAbsent,
                Durability::Durable,
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{path}");
    }
}

fn ranged_reads(place: &Place) {
    let store = made(place);
    put(&store, "a", b"0123456789");
    let object = store.open(&key("a")).unwrap();
    assert_eq!(object.size_bytes(), 10);
    assert_eq!(store.stat(&key("a")).unwrap().unwrap().size_bytes, 10);
    let mut buffer = [0; 4];
    assert_eq!(object.read_at(&mut buffer, 3).unwrap(), 4);
    assert_eq!(&buffer, b"3456");
    assert_eq!(object.read_at(&mut buffer, 8).unwrap(), 2);
    assert_eq!(&buffer[..2], b"89");
    for past_the_end in [10, 11, 1 << 62] {
        assert_eq!(object.read_at(&mut buffer, past_the_end).unwrap(), 0);
    }
}

fn limited_reads(place: &Place) {
    let store = made(place);
    put(&store, "a", b"0123456789");
    assert_eq!(store.read(&key("a"), 10).unwrap(), b"0123456789");
    assert_eq!(store.read(&key("a"), 9).unwrap_err().kind(), ErrorKind::Corrupt);
}

fn open_files_stay(place: &Place) {
    let store = made(place);
    put(&store, "a", b"0123456789");
    let object = store.open(&key("a")).unwrap();
    store.delete_one(&key("a")).unwrap();
    assert_eq!(store.stat(&key("a")).unwrap(), None);
    let mut buffer = [0; 10];
    assert_eq!(object.read_at(&mut buffer, 0).unwrap(), 10);
    assert_eq!(&buffer, b"0123456789");
}

fn copy_replaces_nothing(place: &Place) {
    let store = made(place);
    put(&store, "a", b"1");
    put(&store, "b", b"2");
    let copy = |mode| {
        let from = key("a");
        let content = PutContent::CopyOf(&from);
        store.put("copies", &key("b"), content, mode, Durability::Durable)
    };
    assert_eq!(copy(PutMode::IfAbsent).unwrap(), Put::Taken);
    assert_eq!(content(&store, "a"), b"1");
    assert_eq!(content(&store, "b"), b"2");
    assert_eq!(copy(PutMode::Replace).unwrap(), Put::Done);
    assert_eq!(content(&store, "b"), b"1");
    assert_eq!(copy(PutMode::IfAbsent).unwrap(), Put::Same);
}

fn small_files_are_put_once(place: &Place) {
    let (store, other) = (made(place), place());
    for durability in [Durability::Durable, Durability::Buffered] {
        let key = key(&format!("d/{durability:?}"));
        let put = |store: &Store, bytes: &[u8], mode| {
            let put = store.put("7", &key, PutContent::Bytes(bytes), mode, durability);
            put.unwrap()
        };
        assert_eq!(put(&store, b"first", PutMode::IfAbsent), Put::Done);
        // A request whose answer was lost is repeated, and is no conflict.
        assert_eq!(put(&other, b"first", PutMode::IfAbsent), Put::Same);
        for another in [&b"other"[..], b"", b"longer than the first"] {
            assert_eq!(put(&other, another, PutMode::IfAbsent), Put::Taken);
        }
        assert_eq!(content(&store, key.as_str()), b"first");
        assert_eq!(put(&other, b"second", PutMode::Replace), Put::Done);
        assert_eq!(content(&store, key.as_str()), b"second");
    }
    assert_eq!(uploads(&store, "7"), []);
}

fn copy_has_content(place: &Place) {
    let store = made(place);
    for durability in [Durability::Durable, Durability::Buffered] {
        put(&store, "a", b"1");
        let deep = key("new/deep/b");
        assert_eq!(
            store
                .put(
                    "copies",
                    &deep,
                    PutContent::CopyOf(&key("a")),
                    PutMode::IfAbsent,
                    durability
                )
                .unwrap(),
            Put::Done
        );
        assert_eq!(content(&place(), "a"), b"1");
        assert_eq!(content(&place(), "new/deep/b"), b"1");
        store.delete_one(&key("a")).unwrap();
        assert_eq!(content(&place(), "new/deep/b"), b"1");
        store.delete_one(&deep).unwrap();
    }
}

fn deleting_is_idempotent(place: &Place) {
    let store = made(place);
    let mut keys = ["d/a", "missing", "d/b"].map(key).to_vec();
    keys.extend((0..1_200).map(|at| key(&format!("missing/{at}"))));
    put(&store, "d/a", b"1");
    put(&store, "d/b", b"1");
    put(&store, "d/c", b"kept");
    for _ in 0..2 {
        let left = store.delete(&keys);
        assert!(left.is_empty(), "{left:?}");
    }
    assert_eq!(names(&store, "d"), ["c"]);
}
