//! Backups into a store whose uploads have their names at once.

use std::time::Duration;

use stonekeep::engine::BackupEngine;
use stonekeep::engine::collect::{DeletedFile, GarbageKind};
use stonekeep::engine::create::FileAction;
use stonekeep::store::Store;
use stonekeep::store::memory::MemoryStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::store_conformance::runs;

use crate::create::conflicts::{flipped, read};
use crate::support::scene::{Scene, assert_valid, files, ids, key, named, names, options, put};

fn store() -> Store {
    MemoryStore::with_named_uploads().into()
}

/// A scene with one backup, and the path of a table in it.
fn backed_up(store: &Store) -> (Scene, String) {
    let scene = Scene::with(DatabaseBuilder::new());
    scene.create(store).unwrap();
    let table = named(store, 1).into_iter().find(|path| path.ends_with(".sst"));
    (scene, table.unwrap())
}

#[test]
fn a_backup_leaves_its_files_and_its_claim_alone() {
    let store = store();
    let mut scene = Scene::new();
    scene.include("app.json", "{}");
    scene.create(&store).unwrap();
    assert_valid(&store, &[1], "one backup");
    let mut expected = named(&store, 1);
    expected.extend(
        [
            "meta/1",
            "stonekeep/backups/1",
            "stonekeep/files/1/app.json",
            "stonekeep/ids/1",
            "stonekeep/latest",
        ]
        .map(str::to_owned),
    );
    assert_eq!(files(&store), expected);
}

#[test]
fn a_name_that_depends_on_the_content_is_known_before_the_upload() {
    let store = store();
    let scene = Scene::new();
    let counting = FaultStore::counting(store.clone());
    scene.create(&counting.clone().into()).unwrap();
    let steps = counting.step_names();
    let blob = named(&store, 1).into_iter().find(|path| path.ends_with(".blob"));
    let upload = format!("upload 1:{}", blob.unwrap());
    assert!(steps.contains(&upload), "{steps:?}");
    let claim = steps.iter().position(|step| step == "put stonekeep/ids/1");
    let first = steps
        .iter()
        .position(|step| step.starts_with("upload 1:private/"));
    assert!(claim.is_some() && claim < first, "{steps:?}");
}

#[test]
fn what_a_killed_backup_wrote_down_is_not_sent_again() {
    let (first, mut scene) = (Scene::new(), Scene::new());
    scene.change();
    let with_one = || {
        let store = store();
        first.create(&store).unwrap();
        store
    };
    let counting = FaultStore::counting(with_one());
    scene.create(&counting.clone().into()).unwrap();
    let steps = counting.step_names();
    let facts = steps
        .iter()
        .position(|step| step == "upload 2:stonekeep/backups/2");
    let store = with_one();
    let fault = FaultStore::kill_at(store.clone(), facts.unwrap() + 1);
    scene.create(&fault.into()).unwrap_err();
    assert_eq!(runs(&store), ["2"]);
    let report = scene.create(&store).unwrap();
    let copied = report.files.iter().filter(|file| file.action == FileAction::Copy);
    let copied: Vec<&str> = copied.map(|file| file.path.as_str()).collect();
    assert!(
        copied.iter().all(|path| path.starts_with("private/3/")),
        "{copied:?}"
    );
    assert_eq!(runs(&store), [""; 0]);
    assert_valid(&store, &[1, 3], "after a killed run");
}

#[test]
fn what_may_belong_to_a_backup_that_cannot_be_read_is_not_replaced() {
    let store = store();
    let (scene, path) = backed_up(&store);
    let wrong = flipped(&read(&store, &path));
    put(&store, &path, &wrong);
    put(&store, "meta/1", b"no meta file");
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().ends_with("cannot be read: 1"), "{error}");
    assert_eq!(read(&store, &path), wrong);
}

#[test]
fn a_claim_says_whose_the_private_files_of_a_killed_run_are() {
    let store = store();
    let (scene, _) = backed_up(&store);
    let fault = FaultStore::kill_at(store.clone(), 8);
    scene.create(&fault.into()).unwrap_err();
    assert_eq!(names(&store, "private"), ["1", "2"].map(str::to_owned).into());
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let young = engine.garbage_collect(engine.default_min_age(), &Quiet).unwrap();
    assert_eq!(young.too_young, 1, "{young:?}");
    let report = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    let left_over = |file: &DeletedFile| file.why == GarbageKind::LeftOver;
    assert!(report.deleted_files.iter().all(left_over), "{report:?}");
    assert_eq!(names(&store, "private"), ["1".to_owned()].into());
    assert_eq!(runs(&store), [""; 0]);
    scene.create(&store).unwrap();
    assert_valid(&store, &[1, 3], "after the collection");
}

#[test]
fn a_backup_of_a_writer_that_lost_its_lock_is_withdrawn_if_it_is_incomplete() {
    for complete in [true, false] {
        let store = store();
        let (scene, path) = backed_up(&store);
        scene.create(&store).unwrap();
        put(&store, "stonekeep/doubtful/2", b"");
        put(&store, "stonekeep/doubtful/1", b"");
        if !complete {
            let private = named(&store, 2)
                .into_iter()
                .find(|it| it.starts_with("private/2/"));
            store.delete_one(&key(&private.unwrap())).unwrap();
        }
        let report = scene.create(&store).unwrap();
        assert_eq!(report.backup_id.get(), 3);
        assert_eq!(ids(&store), if complete { vec![1, 2, 3] } else { vec![1, 3] });
        assert_valid(&store, &ids(&store), "after it");
        assert!(store.stat(&key(&path)).unwrap().is_some());
        // The records stay for a day by the store's clock, which nobody knows here.
        assert_eq!(
            names(&store, "stonekeep/doubtful"),
            ["1", "2"].map(str::to_owned).into()
        );
    }
}
