//! Ids of backups: none comes twice, whatever is deleted and whoever dies.

use std::time::Duration;

use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::store::{Durability, Store};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fault_store::FaultStore;

use crate::hot::meddler::{Deed, Meddler};
use crate::support::scene::{Scene, assert_valid, files, id, ids, key, memory, named, names, options, put};

fn claims(store: &Store) -> Vec<String> {
    names(store, "stonekeep/ids").into_iter().collect()
}

#[test]
fn no_id_comes_twice_whatever_is_deleted() {
    let scene = Scene::new();
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let create = |engine: &BackupEngine| {
        let options = CreateBackupOptions::default();
        let report = engine.create_new_backup(&scene.source(), &options, &Quiet);
        report.unwrap().backup_id.get()
    };
    assert_eq!((create(&engine), create(&engine)), (1, 2));
    engine.delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(create(&engine), 3, "within one engine");
    engine
        .delete_backups(&[id(1), id(3)], &DeleteOptions::default(), &Quiet)
        .unwrap();
    engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(create(&BackupEngine::open(options(), store.clone()).unwrap()), 4);
    engine.purge_old_backups(0, &Quiet).unwrap();
    assert_eq!(create(&engine), 5);
    let destroying = BackupEngine::open(options().with_destroy_old_data(true), store.clone()).unwrap();
    assert_eq!(create(&destroying), 6);
    assert_valid(&store, &[6], "after all that");
}

#[test]
fn a_collection_keeps_the_largest_claim_only() {
    let scene = Scene::new();
    let store = memory();
    for _ in 0..3 {
        scene.create(&store).unwrap();
    }
    assert_eq!(claims(&store), ["1", "2", "3"]);
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(claims(&store), ["3"]);
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn a_collection_leaves_one_claim_also_if_it_puts_a_larger_one() {
    let scene = Scene::new();
    let store = memory();
    (0..2).for_each(|_| drop(scene.create(&store).unwrap()));
    // RocksDB's engine claims nothing: it has made backup 3 since.
    let text = store.read(&key("meta/2"), 1 << 20).unwrap();
    store.delete_one(&key("stonekeep/ids/1")).unwrap();
    let meta = String::from_utf8(text)
        .unwrap()
        .replace("private/2/", "private/3/");
    for name in names(&store, "private/2") {
        let bytes = store.read(&key(&format!("private/2/{name}")), 1 << 20).unwrap();
        put(&store, &format!("private/3/{name}"), &bytes);
    }
    put(&store, "meta/3", meta.as_bytes());
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.delete_backup(id(3), &Quiet).unwrap();
    assert_eq!(claims(&store), ["3"]);
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn the_last_backup_of_a_version_without_claims_gets_one_when_it_is_deleted() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    scene.create(&store).unwrap();
    for claim in claims(&store) {
        store.delete_one(&key(&format!("stonekeep/ids/{claim}"))).unwrap();
    }
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.delete_backup(id(1), &Quiet).unwrap();
    assert_eq!(claims(&store), [""; 0], "2 is larger");
    engine.delete_backup(id(2), &Quiet).unwrap();
    assert_eq!(claims(&store), ["2"]);
    assert_eq!(scene.create(&store).unwrap().backup_id, id(3));
}

#[test]
fn an_id_that_another_run_claims_meanwhile_is_left_to_it() {
    let scene = Scene::new();
    let inner = memory();
    let claim = Deed::Put("stonekeep/ids/1".into(), b"another".to_vec());
    let store = Meddler::store(&inner, "stonekeep/ids/1", false, claim);
    assert_eq!(scene.create(&store).unwrap().backup_id, id(2));
    assert_eq!(inner.read(&key("stonekeep/ids/1"), 10).unwrap(), b"another");
    assert!(files(&inner).iter().all(|path| !path.starts_with("private/1/")));
    assert_valid(&inner, &[2], "with another id");
}

#[test]
fn a_run_that_dies_after_its_claim_loses_its_id() {
    let scene = Scene::new();
    let store = memory();
    let counting = FaultStore::counting(memory());
    scene.create(&counting).unwrap();
    let steps = counting.step_names();
    let private = steps
        .iter()
        .position(|step| step.starts_with("finish private/1/"))
        .unwrap();
    let dying: Store = Store::from(FaultStore::kill_at(store.clone(), private + 1));
    scene.create(&dying).unwrap_err();
    assert_eq!(claims(&store), ["1"]);
    assert_eq!(scene.create(&store).unwrap().backup_id, id(2));
}

#[test]
fn a_failed_capture_claims_nothing() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    std::fs::remove_file(scene.database.path().join("CURRENT")).unwrap();
    scene.create(&store).unwrap_err();
    assert_eq!(claims(&store), ["1"]);
}

#[test]
fn a_record_beside_its_meta_file_goes_when_a_backup_begins() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let meta = store.read(&key("meta/1"), 1 << 20).unwrap();
    let record = |crc: u32| format!("stonekeep/deleted/1-{crc:08x}");
    let (void, empty, other) = (record(crc32c::crc32c(&meta)), record(0), record(7));
    put(&store, &void, &meta);
    put(&store, &empty, b"");
    put(
        &store,
        &other,
        b"of a backup that a foreign engine gave the same id",
    );
    scene.create(&store).unwrap();
    let left = files(&store);
    assert!(
        !left.contains(&void) && !left.contains(&empty) && left.contains(&other),
        "{left:?}"
    );
    assert_valid(&store, &[1, 2], "with a record of another backup");
}

#[test]
fn claims_of_other_names_are_unknown_files() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    put(&store, "stonekeep/ids/photo", b"precious");
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let report = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(report.unknown_files, ["stonekeep/ids/photo"]);
    let error = engine.delete_backup(id(9), &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_first_backup_uses_nothing_that_it_found_before_it_had_the_lock() {
    let scene = Scene::with(DatabaseBuilder::new());
    let other = memory();
    scene.create(&other).unwrap();
    let shared = named(&other, 1)
        .into_iter()
        .filter(|path| path.starts_with("shared"));
    let shared: Vec<(String, Vec<u8>)> = shared
        .map(|path| (path.clone(), other.read(&key(&path), 1 << 24).unwrap()))
        .collect();
    let last = shared.last().unwrap().0.clone();
    let inner = memory();
    // A run that is killed publishes them just before they are listed, and a collection removes them when they have been read.
    let (at, to, paths) = (inner.clone(), inner.clone(), shared.clone());
    let publish = move || {
        to.create_root(Durability::Durable).unwrap();
        shared.iter().for_each(|(path, bytes)| put(&to, path, bytes));
    };
    let collect = move || {
        for (path, _) in &paths {
            at.delete_one(&key(path)).unwrap();
        }
    };
    let published = Meddler::store(&inner, "shared_checksum", false, Deed::Do(Box::new(publish)));
    let store = Meddler::after_opening(&published, &last, Deed::Do(Box::new(collect)));
    assert_eq!(scene.create(&store).unwrap().backup_id, id(1));
    assert_valid(&inner, &[1], "planned again");
}
