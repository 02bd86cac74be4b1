//! Collections in an object store whose meta files arrive with wrong bytes, or are listed and cannot be found for a while.

use std::sync::Arc;
use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::engine::BackupEngine;
use stonekeep::store::Store;
use stonekeep::store::remote::RemoteStore;

use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};
use crate::support::scene::{Scene, assert_valid, options};

fn store_of(objects: &Arc<FaultyObjects>) -> Store {
    let store = RemoteStore::new(Arc::clone(objects) as _, "db/one", "objects of a test").unwrap();
    store.used_by_one_process().into()
}

/// Three backups of states that differ.
fn three_backups() -> Arc<FaultyObjects> {
    let (objects, mut scene) = (FaultyObjects::new(Create::Honoured), Scene::new());
    for _ in 0..3 {
        scene.create(&store_of(&objects)).unwrap();
        scene.change();
    }
    objects
}

/// The next reads of this object fail in this way.
fn misread(objects: &FaultyObjects, path_has: &'static str, how: How, times: usize) {
    let fault = || Fault {
        verb: Verb::Get,
        path_has,
        nth: 0,
        when: When::Before,
        how,
    };
    objects.fail((0..times).map(|_| fault()));
}

fn engine(objects: &Arc<FaultyObjects>) -> BackupEngine {
    BackupEngine::open(options(), store_of(objects)).unwrap()
}

#[test]
fn what_a_meta_file_names_is_kept_while_it_is_listed_and_cannot_be_found() {
    for times in [1, 2, 3, 100] {
        let objects = three_backups();
        misread(&objects, "/meta/2", How::Hidden, times);
        engine(&objects).garbage_collect(Duration::ZERO, &Quiet).unwrap();
        objects.forget_faults();
        assert_valid(&store_of(&objects), &[1, 2, 3], "after a collection");

        misread(&objects, "/meta/2", How::Hidden, times);
        engine(&objects).purge_old_backups(1, &Quiet).unwrap();
        objects.forget_faults();
        let store = store_of(&objects);
        let left = crate::support::scene::ids(&store);
        assert!(left == [3] || left == [2, 3], "{left:?}");
        assert_valid(&store, &left, "after a purge");
        // Nothing is kept for good.
        engine(&objects).purge_old_backups(1, &Quiet).unwrap();
        assert_valid(&store, &[3], "after another purge");
    }
}

#[test]
fn what_a_meta_file_names_is_kept_although_it_arrives_with_a_wrong_byte() {
    for times in [1, 2] {
        let objects = three_backups();
        misread(&objects, "/meta/2", How::WrongByte, times);
        let report = engine(&objects).garbage_collect(Duration::ZERO, &Quiet).unwrap();
        assert_eq!(objects.faults_left(), 0);
        assert!(report.retaining_backups.is_empty(), "{report:?}");
        assert_valid(&store_of(&objects), &[1, 2, 3], "after a collection");
    }
}

#[test]
fn a_small_object_that_is_wrong_in_the_store_is_what_is_read() {
    let objects = three_backups();
    misread(&objects, "/meta/2", How::WrongByte, 100);
    let report = engine(&objects).garbage_collect(Duration::ZERO, &Quiet).unwrap();
    objects.forget_faults();
    assert_eq!(report.retaining_backups.len(), 1, "{report:?}");
    assert_valid(&store_of(&objects), &[1, 2, 3], "after a collection");
}
