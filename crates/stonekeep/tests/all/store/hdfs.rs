//! A store in HDFS: `STONEKEEP_TEST_HDFS` is the URL of a directory in a cluster for tests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hdfs_native::{Client, ClientBuilder, WriteOptions};
use stonekeep::ErrorKind;
use stonekeep::store::hdfs::HdfsStore;
use stonekeep::store::{Durability, Key, LockWait, Put, PutContent, PutMode, Store};
use stonekeep_testkit::store_conformance::uploads;
use stonekeep_testkit::{skip, store_conformance};
use tokio::runtime::Runtime;

/// The URL of a directory of this test; `None`, after a note, without a cluster.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn directory_of(test: &str) -> Option<String> {
    const NEEDED: &str = "needs HDFS: STONEKEEP_TEST_HDFS=hdfs://HOST:PORT/PATH and HADOOP_USER_NAME";
    let url = std::env::var("STONEKEEP_TEST_HDFS").unwrap_or_default();
    match url.as_str() {
        // This machine can have none.
        "none" => eprintln!("skipped: {test}: {NEEDED}"),
        "" => skip::because(test, NEEDED).unwrap(),
        _ => return Some(format!("{url}/{test}-{}", std::process::id())),
    }
    None
}

fn open(url: &str) -> Store {
    HdfsStore::open(url, &[]).unwrap().into()
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn put(store: &Store, path: &str, bytes: &[u8], mode: PutMode) -> stonekeep::Result<Put> {
    let content = PutContent::Bytes(bytes);
    store.put("r", &key(path), content, mode, Durability::Durable)
}

#[test]
fn hdfs_keeps_the_contract() {
    let Some(url) = directory_of("hdfs_keeps_the_contract") else {
        return;
    };
    let places = AtomicU32::new(0);
    store_conformance::run(|| {
        let url = format!("{url}-{}", places.fetch_add(1, Ordering::Relaxed));
        Box::new(move || {
            let store = HdfsStore::open(&url, &[]).unwrap();
            let period = Duration::from_secs(8);
            store.with_lease_period(period).unwrap().into()
        })
    });
}

/// Does what another process does that finds the holder of the lease dead: renames its directory.
async fn shut_out(client: &Client, root: &str) {
    let runs = client
        .list_status(&format!("{root}/stonekeep/runs"), false)
        .await
        .unwrap();
    let [directory] = runs.as_slice() else {
        panic!("{runs:?}");
    };
    let left = format!("{}.0", directory.path);
    client.rename(&directory.path, &left, false).await.unwrap();
}

#[test]
fn whoever_has_lost_the_lease_changes_nothing_any_more() {
    let Some(url) = directory_of("whoever_has_lost_the_lease_changes_nothing_any_more") else {
        return;
    };
    let store = open(&url);
    store.create_root(Durability::Durable).unwrap();
    put(&store, "meta/1", b"1", PutMode::IfAbsent).unwrap();
    let held = store.lease(LockWait::Fail, "the first", &|| false).unwrap();
    let upload = |path: &str| store.upload("run", &key(path), &mut &b"22"[..], 2, PutMode::IfAbsent);
    let staged = upload("meta/2").unwrap();

    let (address, root) = url["hdfs://".len()..].split_once('/').unwrap();
    let (runtime, root) = (Runtime::new().unwrap(), format!("/{root}"));
    let client = ClientBuilder::new()
        .with_url(format!("hdfs://{address}"))
        .with_io_runtime(runtime.handle().clone())
        .build()
        .unwrap();
    runtime.block_on(shut_out(&client, &root));

    held.check().unwrap();
    let finish = |staged| {
        let batch = vec![(staged, key("meta/2"))];
        store.finish(batch, PutMode::IfAbsent, Durability::Durable)
    };
    for refused in [
        finish(staged.clone()).map(drop),
        put(&store, "meta/2", b"2", PutMode::IfAbsent).map(drop),
        put(&store, "meta/1", b"2", PutMode::Replace).map(drop),
        upload("meta/3").map(drop),
        store.delete_one(&key("meta/1")),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Locked);
    }
    assert_eq!(store.stat(&key("meta/2")).unwrap(), None);
    assert_eq!(store.read(&key("meta/1"), 10).unwrap(), b"1");

    // The next holder finds what was staged.
    drop(held);
    let _held = store.lease(LockWait::Fail, "the next", &|| false).unwrap();
    assert_eq!(uploads(&store, "run"), std::slice::from_ref(&staged));
    assert_eq!(finish(staged).unwrap(), []);
    assert_eq!(store.read(&key("meta/2"), 10).unwrap(), b"22");
    store.discard("run").unwrap();
    assert_eq!(store.leftovers().unwrap(), []);
    runtime.block_on(client.delete(&root, true)).unwrap();
}

async fn write(client: &Client, path: &str) {
    let mut file = client.create(path, WriteOptions::default()).await.unwrap();
    file.write_bytes(b"a part of a pin".as_slice().into())
        .await
        .unwrap();
    file.close().await.unwrap();
}

/// What a reader leaves that is killed while it writes its pin.
#[test]
fn pins_that_were_never_complete_are_removed() {
    let test = "pins_that_were_never_complete_are_removed";
    let Some(url) = directory_of(test) else { return };
    let period = Duration::from_secs(8);
    let store = HdfsStore::open(&url, &[]).unwrap();
    let store: Store = store.with_lease_period(period).unwrap().into();
    store.create_root(Durability::Durable).unwrap();
    let (_, pin) = store.pin(&key("stonekeep/pins"), b"a pin").unwrap();
    let (address, root) = url["hdfs://".len()..].split_once('/').unwrap();
    let (runtime, root) = (Runtime::new().unwrap(), format!("/{root}"));
    let client = ClientBuilder::new()
        .with_url(format!("hdfs://{address}"))
        .with_io_runtime(runtime.handle().clone())
        .build()
        .unwrap();
    let unfenced = format!("{root}/stonekeep/tmp");
    let names = || {
        let listed = runtime.block_on(client.list_status(&unfenced, false)).unwrap();
        let mut names: Vec<String> = listed
            .iter()
            .map(|file| file.path.rsplit('/').next().unwrap().to_owned())
            .collect();
        // The living pin is written anew now and then, under a name of its own.
        names.retain(|name| ["%-old", "%-young", "other"].contains(&name.as_str()));
        names.sort();
        names
    };
    runtime.block_on(write(&client, &format!("{unfenced}/%-old")));
    runtime.block_on(write(&client, &format!("{unfenced}/other")));
    std::thread::sleep(period * 2 + Duration::from_secs(1));
    runtime.block_on(write(&client, &format!("{unfenced}/%-young")));
    drop(store.lease(LockWait::Fail, "a collector", &|| false).unwrap());
    assert_eq!(names(), ["%-young", "other"]);
    pin.check().unwrap();
    drop(pin);
    runtime.block_on(client.delete(&root, true)).unwrap();
}
