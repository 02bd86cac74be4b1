//! Renames in HDFS whose answers are lost, and files that go while they are used, with a NameNode in this process.

use stonekeep::ErrorKind;
use stonekeep::store::hdfs::HdfsStore;
use stonekeep::store::{Durability, Key, Put, PutContent, PutMode, Store, Upload};

use super::fake_name_node::{Fate, NameNode};

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

pub(super) fn open(node: &NameNode, path: &str) -> Store {
    let options = [("hdfs_user".to_owned(), "somebody".to_owned())];
    HdfsStore::open(&node.url(path), &options).unwrap().into()
}

/// Nothing can be written there but empty files.
fn put(store: &Store, path: &str, mode: PutMode) -> stonekeep::Result<Put> {
    let content = PutContent::Bytes(b"");
    store.put("7", &key(path), content, mode, Durability::Durable)
}

fn upload(store: &Store, path: &str) -> stonekeep::Result<Upload> {
    store.upload("7", &key(path), &mut &b""[..], 0, PutMode::IfAbsent)
}

fn finish(store: &Store, upload: Upload) -> stonekeep::Result<Vec<(Upload, Key)>> {
    let key = upload.key.clone();
    store.finish(vec![(upload, key)], PutMode::IfAbsent, Durability::Durable)
}

/// Only the place of what was to be renamed tells whether it was.
#[test]
fn a_rename_without_an_answer_is_carried_out_once() {
    for fate in [Fate::Unanswered, Fate::Lost] {
        let node = NameNode::start(&["/r/meta"]);
        let store = open(&node, "/r");
        node.next(1, "rename2", "/r/stonekeep/tmp/", fate.clone());
        assert_eq!(
            put(&store, "meta/1", PutMode::IfAbsent).unwrap(),
            Put::Done,
            "{fate:?}"
        );
        assert_eq!(node.faults_left(), 0);
        assert_eq!(node.files(), ["/r/meta/1"], "{fate:?}");
        assert_eq!(put(&store, "meta/1", PutMode::IfAbsent).unwrap(), Put::Same);
        assert_eq!(node.files(), ["/r/meta/1"]);
    }
}

#[test]
fn a_directory_that_others_remove_is_made_again_and_not_for_ever() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    let removed = Fate::After(|tree| tree.remove("/r/d"));
    node.next(3, "rename2", "/r/stonekeep/tmp/", removed.clone());
    assert_eq!(put(&store, "d/1", PutMode::IfAbsent).unwrap(), Put::Done);
    assert_eq!(node.faults_left(), 0);
    node.next(u32::MAX, "rename2", "/r/stonekeep/tmp/", removed);
    let error = put(&store, "d/2", PutMode::IfAbsent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let reason = "its directory is removed again and again";
    assert!(error.to_string().ends_with(reason), "{error}");
    assert_eq!(node.files(), [""; 0]);
}

#[test]
fn an_upload_that_is_gone_is_not_found() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    let is_not_found = |error: stonekeep::Error| {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        let message = format!("writing a of {}: it was not uploaded, or is gone", node.url("/r"));
        assert_eq!(error.to_string(), message);
    };
    let staged = upload(&store, "a").unwrap();
    assert_eq!(node.files(), ["/r/stonekeep/tmp/7/a"]);
    node.change(|tree| tree.remove("/r/stonekeep/tmp/7/a"));
    is_not_found(finish(&store, staged).unwrap_err());
    // The run is discarded while it writes.
    let discarded = Fate::After(|tree| tree.remove("/r/stonekeep/tmp/7"));
    node.next(1, "rename2", "/r/stonekeep/tmp/7/", discarded);
    is_not_found(upload(&store, "a").unwrap_err());
    let staged = Upload {
        run: "8".to_owned(),
        key: key("a"),
        size_bytes: 0,
    };
    let error = finish(&store, staged).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().ends_with("the run 8 has staged nothing"),
        "{error}"
    );
}

/// What a dead holder of the lease has staged is finished where it lies, by who has none.
#[test]
fn what_a_dead_holder_has_staged_is_found_beside_other_directories() {
    let node = NameNode::start(&["/r/stonekeep/runs/01.0a", "/r/stonekeep/tmp/%-0"]);
    node.change(|tree| tree.put("/r/stonekeep/runs/02.0b/7/meta%2F1", 0));
    let store = open(&node, "/r");
    let left = store.leftovers().unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        (left[0].run.as_str(), left[0].uploads[0].key.as_str()),
        ("7", "meta/1")
    );
    assert_eq!(store.open_upload(&left[0].uploads[0]).unwrap().size_bytes(), 0);
    assert_eq!(finish(&store, left[0].uploads[0].clone()).unwrap(), []);
    assert_eq!(node.files(), ["/r/meta/1"]);
    store.discard("7").unwrap();
    assert_eq!(store.leftovers().unwrap(), []);
}

#[test]
fn what_has_the_place_of_a_file_is_not_replaced() {
    let node = NameNode::start(&["/r/meta/1", "/r/data"]);
    node.change(|tree| tree.put("/r/data/x", 5));
    let store = open(&node, "/r");
    let staged = upload(&store, "meta/1").unwrap();
    assert_eq!(finish(&store, staged.clone()).unwrap(), [(staged, key("meta/1"))]);
    store.discard("7").unwrap();
    assert_eq!(put(&store, "meta/1", PutMode::IfAbsent).unwrap(), Put::Taken);
    assert_eq!(put(&store, "data/x", PutMode::IfAbsent).unwrap(), Put::Taken);
    let error = put(&store, "meta/1", PutMode::Replace).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.one_line().contains("must both be directories"), "{error:?}");
    assert_eq!(node.files(), ["/r/data/x"]);
    let error = store.delete_one(&key("data")).unwrap_err();
    assert_eq!(error.to_string(), "data is a directory that is not empty");
}

#[test]
fn another_file_in_the_place_of_one_that_is_read_is_an_error() {
    let node = NameNode::start(&["/r"]);
    node.change(|tree| tree.put("/r/a", 10));
    let store = open(&node, "/r");
    node.next(
        1,
        "getBlockLocations",
        "/r/a",
        Fate::After(|tree| tree.put("/r/a", 11)),
    );
    let error = store.read(&key("a"), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let reason = "another file took its place while it was opened";
    assert!(error.one_line().contains(reason), "{error:?}");
    // Its blocks hold less than it should have.
    let error = store.read(&key("a"), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(
        error.one_line().contains("the window ended at 0 of 11 bytes"),
        "{error:?}"
    );
}

/// The replicas may be elsewhere by now: the NameNode is asked again, and may know another file under that name.
#[test]
fn a_read_whose_data_nodes_are_gone_does_not_go_on_with_another_file() {
    let node = NameNode::start(&["/r"]);
    node.change(|tree| tree.put_lost("/r/a", 10));
    let store = open(&node, "/r");
    let object = store.open(&key("a")).unwrap();
    node.next(1, "getBlockLocations", "/r/a", Fate::After(|_| {}));
    let replaced = Fate::After(|tree| tree.put_lost("/r/a", 11));
    node.next(1, "getBlockLocations", "/r/a", replaced);
    let error = object.read_at(&mut [0; 10], 0).unwrap_err();
    let reason = "another file took its place while it was read";
    assert!(stonekeep::Error::io("a test", error).one_line().contains(reason));
    assert_eq!(node.faults_left(), 0);
}
