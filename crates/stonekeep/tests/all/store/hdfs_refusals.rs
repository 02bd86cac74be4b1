//! What HDFS refuses is explained, with what to do about it: with a NameNode in this process.

use std::io;
use std::time::Duration;

use stonekeep::ErrorKind;
use stonekeep::store::hdfs::HdfsStore;
use stonekeep::store::{
    Durability, Key, LockWait, Persist, PutContent, PutMode, Store, SweptUploads, Upload, UploadSweep,
};

use super::fake_name_node::NameNode;
use super::hdfs_renames::open;

const DENIED: &str = "org.apache.hadoop.security.AccessControlException";
const NO_SPACE: &str = "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException";

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn put(store: &Store, path: &str, bytes: &[u8]) -> stonekeep::Result<()> {
    let content = PutContent::Bytes(bytes);
    let put = store.put("7", &key(path), content, PutMode::IfAbsent, Durability::Durable);
    put.map(drop)
}

fn upload(store: &Store, run: &str, path: &str, bytes: &[u8]) -> stonekeep::Result<Upload> {
    store.upload(
        run,
        &key(path),
        &mut &*bytes,
        bytes.len() as u64,
        PutMode::IfAbsent,
    )
}

/// The call that is refused, what is done, and how messages call that.
type Refused = (
    (&'static str, &'static str),
    fn(&Store) -> stonekeep::Result<()>,
    &'static str,
);

const REFUSED: [Refused; 15] = [
    (
        ("getFileInfo", "/r"),
        |store| store.exists().map(drop),
        "asking for the root",
    ),
    (
        ("getFileInfo", "meta/1"),
        |store| store.stat(&key("meta/1")).map(drop),
        "asking for meta/1",
    ),
    (
        ("getFileInfo", "meta/1"),
        |store| store.persist(Persist::Files(&[key("meta/1")]), Durability::Durable),
        "asking for meta/1",
    ),
    (
        ("getBlockLocations", "meta/1"),
        |store| store.open(&key("meta/1")).map(drop),
        "reading meta/1",
    ),
    (
        ("getFileInfo", "meta/1"),
        |store| put(store, "meta/1", b""),
        "reading meta/1",
    ),
    (
        ("getListing", "meta"),
        |store| store.list(Some(&key("meta"))).map(drop),
        "listing meta",
    ),
    (
        ("getFileInfo", "meta/1"),
        |store| store.delete_one(&key("meta/1")),
        "deleting meta/1",
    ),
    (
        ("rename2", "meta/1"),
        |store| store.delete_one(&key("meta/1")),
        "deleting meta/1",
    ),
    (
        ("delete", "empty"),
        |store| store.delete_one(&key("empty")),
        "deleting empty",
    ),
    (
        ("mkdirs", "tmp/7"),
        |store| upload(store, "7", "x", b"").map(drop),
        "making the directory /r/stonekeep/tmp/7",
    ),
    (
        ("create", "tmp/7"),
        |store| upload(store, "7", "x", b"").map(drop),
        "writing x",
    ),
    (
        ("delete", "tmp/9"),
        |store| store.discard("9"),
        "removing what a run has staged",
    ),
    (
        ("getListing", "runs"),
        |store| store.leftovers().map(drop),
        "listing /r/stonekeep/runs",
    ),
    (
        ("mkdirs", "stonekeep/pins"),
        |store| store.pin(&key("stonekeep/pins"), b"").map(drop),
        "making a pin",
    ),
    (
        ("getBlockLocations", "pins/0a"),
        |store| store.sweep_pin(&key("stonekeep/pins/0a"), &|| false).map(drop),
        "reading /r/stonekeep/pins/0a",
    ),
];

#[test]
fn each_refusal_says_what_was_done_where_and_whom_to_let() {
    for ((method, path_has), done, doing) in REFUSED {
        let node = NameNode::start(&["/r/empty"]);
        node.change(|tree| tree.put("/r/meta/1", 0));
        let store = open(&node, "/r");
        node.refuse(method, path_has, DENIED);
        let error = done(&store).unwrap_err();
        assert_eq!(node.faults_left(), 0, "{doing}: {error:?}");
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied), "{doing}");
        let text = format!(
            "{doing} of {}: AccessControlException: {method} is refused",
            node.url("/r")
        );
        assert_eq!(error.one_line(), text);
        assert!(error.hint().unwrap().contains("hdfs_user"), "{error:?}");
        assert_eq!(node.files(), ["/r/meta/1"], "{doing}");
    }
}

#[test]
fn deletions_that_cannot_begin_name_each_file() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    node.refuse("mkdirs", "stonekeep", DENIED);
    let left = store.delete(&[key("meta/1"), key("meta/2")]);
    let keys: Vec<_> = left.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys, ["meta/1", "meta/2"]);
    for it in left {
        assert!(it.error.one_line().contains("AccessControlException"), "{it:?}");
    }
}

#[test]
fn a_lease_that_is_refused_leaves_nothing() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    node.refuse("mkdirs", "stonekeep/leases", DENIED);
    // Its own directory is removed all the same, at the second try.
    node.refuse("delete", "stonekeep/runs/", DENIED);
    let error = store.lease(LockWait::Fail, "a test", &|| false).unwrap_err();
    assert!(
        error.to_string().starts_with("making the lease of hdfs://"),
        "{error}"
    );
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
    assert_eq!((node.faults_left(), node.files().len()), (0, 0));
}

/// Small files are held, long ones are not.
#[test]
fn a_full_cluster_is_told_from_one_without_data_nodes() {
    let node = NameNode::start(&["/r"]);
    let store = HdfsStore::open(
        &node.url("/r"),
        &[("hdfs_user".to_owned(), "somebody".to_owned())],
    );
    // They are written again for twelve minutes, unless somebody wants to stop.
    let store: Store = store.unwrap().with_stop(|| true).into();
    for content in [vec![1; 100], vec![1; 3 << 20]] {
        node.refuse("addBlock", "stonekeep/tmp/7/", NO_SPACE);
        let error = upload(&store, "7", "x", &content).unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::QuotaExceeded));
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("-setSpaceQuota") && hint.contains("unharmed"),
            "{hint}"
        );
        // What cannot be removed goes with its run.
        node.refuse("delete", "stonekeep/tmp/7/", DENIED);
        let error = upload(&store, "7", "x", &content).unwrap_err();
        assert!(
            error.one_line().contains("could only be written to 0 of"),
            "{error:?}"
        );
        assert!(
            error.hint().unwrap().contains("hdfs dfsadmin -report"),
            "{error:?}"
        );
        assert_eq!(node.files().len(), 1);
        assert_eq!(node.faults_left(), 0);
        store.discard("7").unwrap();
        assert_eq!(node.files(), [""; 0]);
    }
}

#[test]
fn a_file_in_the_way_of_directories_is_named() {
    let node = NameNode::start(&["/r"]);
    node.change(|tree| {
        tree.put("/r/meta", 1);
        tree.put("/file", 1);
    });
    let store = open(&node, "/r");
    for (path, reason) in [
        ("meta", "it is no directory"),
        ("meta/x", "a part of this path is a file"),
    ] {
        let error = store.list(Some(&key(path))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(error.one_line().contains(reason), "{error:?}");
    }
    let error = store.stat(&key("meta/x")).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotADirectory));
    let root = open(&node, "/file");
    for error in [root.exists().unwrap_err(), root.list(None).unwrap_err()] {
        assert!(error.to_string().ends_with("/file is a file"), "{error}");
        assert!(
            error.hint().unwrap().contains("a repository is a directory"),
            "{error:?}"
        );
    }
    let below = open(&node, "/absent/r");
    let error = below.create_root(Durability::Durable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("hdfs dfs -mkdir -p"), "{error:?}");
}

#[test]
fn names_that_hdfs_cannot_have_are_refused_before_it_is_asked() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    let staged = Upload {
        run: "7".to_owned(),
        key: key("a"),
        size_bytes: 0,
    };
    let finished = store.finish(vec![(staged, key("a:b"))], PutMode::IfAbsent, Durability::Durable);
    for refused in [
        put(&store, "meta/a:b", b""),
        upload(&store, "7", "a:b", b"").map(drop),
        upload(&store, "7:1", "a", b"").map(drop),
        finished.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with("HDFS can have no "), "{error}");
    }
    assert_eq!(node.files(), [""; 0]);
}

#[test]
fn there_is_nothing_to_resume_and_nothing_to_sweep() {
    let node = NameNode::start(&["/r"]);
    let store = open(&node, "/r");
    let staged = upload(&store, "7", "a", b"").unwrap();
    let error = store.resume(&staged, "8", &mut &b"more"[..], 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        "a is complete: uploads to HDFS are not resumed"
    );
    let swept = store.sweep_uploads(Duration::ZERO, UploadSweep::Abort).unwrap();
    assert_eq!(swept, SweptUploads::default());
    assert_eq!(node.files(), ["/r/stonekeep/tmp/7/a"]);
    let shown = format!("{store:?}");
    assert!(
        shown.contains(&format!("Client({:?})", node.url("/r"))),
        "{shown}"
    );
}
