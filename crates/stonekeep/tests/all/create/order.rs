//! The order of a backup's steps, whatever a foreign engine does between them.

use stonekeep::engine::verify::VerifyLevel;
use stonekeep::format::BackupId;
use stonekeep::store::{Key, Store};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::record_store::RecordStore;

use crate::hot::meddler::{Deed, Meddler};
use crate::support::scene::{
    Scene, assert_valid, files, id, ids, key, memory, named, names, options, put, reader,
};

/// A table of the first backup.
fn a_shared_file(store: &Store, backup: u32) -> String {
    let named = named(store, backup);
    named
        .into_iter()
        .find(|path| path.starts_with("shared_checksum/"))
        .unwrap()
}

#[test]
fn the_meta_file_appears_when_everything_it_names_is_durable() {
    let mut scene = Scene::new();
    let inner = memory();
    for backup in [1, 2] {
        let record = RecordStore::new(inner.clone());
        let store: Store = record.clone().into();
        scene.create(&store).unwrap();
        let durable = record.durable_before(&key(&format!("meta/{backup}"))).unwrap();
        let durable: Vec<&str> = durable.iter().map(Key::as_str).collect();
        assert!(
            durable.contains(&&*format!("stonekeep/backups/{backup}")),
            "{durable:?}"
        );
        assert!(
            durable.contains(&&*format!("stonekeep/ids/{backup}")),
            "{durable:?}"
        );
        let first = if backup == 2 {
            named(&store, 1)
        } else {
            Default::default()
        };
        for path in named(&store, backup).difference(&first) {
            assert!(durable.contains(&&**path), "{path} of {durable:?}");
        }
        scene.change();
    }
}

#[test]
fn files_that_another_engine_did_not_sync_are_synced_before_they_are_named_again() {
    let scene = Scene::new();
    let inner = memory();
    scene.create_with(&inner, options().with_sync(false)).unwrap();
    let record = RecordStore::new(inner.clone());
    let store: Store = record.clone().into();
    scene.create(&store).unwrap();
    let durable = record.durable_before(&key("meta/2")).unwrap();
    for path in named(&store, 2) {
        assert!(durable.contains(&key(&path)), "{path}");
    }
}

#[test]
fn the_steps_come_in_their_order() {
    let mut scene = Scene::new();
    let inner = memory();
    scene.create(&inner).unwrap();
    scene.change();
    let record = RecordStore::new(inner);
    let store: Store = record.clone().into();
    scene.create(&store).unwrap();
    let lines = record.lines();
    let first = |start: &str| {
        let at = lines.iter().position(|line| line.starts_with(start));
        at.unwrap_or_else(|| panic!("{start:?} is not in {lines:#?}"))
    };
    let steps = [
        "create_root",
        "lease",
        "list meta",
        "upload 2:shared_checksum/",
        "upload 2:journal/",
        "finish shared_checksum/",
        "put stonekeep/ids/2",
        "finish private/2/",
        "replace stonekeep/backups/2",
        "put meta/2",
        "discard 2",
    ];
    let places: Vec<usize> = steps.iter().map(|step| first(step)).collect();
    assert!(places.is_sorted(), "{places:?} {lines:#?}");
    let looks = |line: &&String| *line == "list shared_checksum";
    let (published, commit) = (first("finish shared_checksum/"), first("put meta/2"));
    assert_eq!(lines[published..commit].iter().filter(looks).count(), 1);
    assert_eq!(lines[commit..].iter().filter(looks).count(), 1);
}

#[test]
fn a_file_that_a_collector_takes_before_the_commit_stops_the_backup() {
    let mut scene = Scene::new();
    let inner = memory();
    scene.create(&inner).unwrap();
    scene.change();
    let victim = a_shared_file(&inner, 1);
    let at = "stonekeep/backups/2";
    let store = Meddler::store(&inner, at, true, Deed::Delete(victim.clone()));
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains(&victim), "{error}");
    assert_eq!(ids(&inner), [1]);
    // The next backup stores the file again, which heals the one that lost it.
    scene.create(&inner).unwrap();
    assert_valid(&inner, &[1, 3], "healed");
}

#[test]
fn a_file_that_a_collector_takes_after_the_commit_withdraws_the_backup() {
    let mut scene = Scene::new();
    let inner = memory();
    scene.create(&inner).unwrap();
    scene.change();
    let victim = a_shared_file(&inner, 1);
    let store = Meddler::store(&inner, "meta/2", true, Deed::Delete(victim.clone()));
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(ids(&inner), [1]);
    let deleted = names(&inner, "stonekeep/deleted");
    assert!(deleted.iter().any(|name| name.starts_with("2-")), "{deleted:?}");
    scene.create(&inner).unwrap();
    assert_valid(&inner, &[1, 3], "healed");
}

#[test]
fn an_id_that_a_foreign_engine_takes_at_the_commit_is_left_to_it() {
    let mut scene = Scene::new();
    let inner = memory();
    scene.create(&inner).unwrap();
    let foreign = inner.read(&key("meta/1"), 1 << 20).unwrap();
    scene.change();
    let store = Meddler::store(
        &inner,
        "meta/2",
        false,
        Deed::Put("meta/2".into(), foreign.clone()),
    );
    let report = scene.create(&store).unwrap();
    assert_eq!(report.backup_id, id(3));
    assert_eq!(inner.read(&key("meta/2"), 1 << 20).unwrap(), foreign);
    assert_eq!(ids(&inner), [1, 2, 3]);
    assert!(named(&inner, 3).iter().any(|path| path == "private/3/CURRENT"));
    let facts = names(&inner, "stonekeep/backups");
    assert_eq!(facts.into_iter().collect::<Vec<_>>(), ["1", "3"]);
    let only_three = reader(&inner).verify_backups(id(3), VerifyLevel::Checksum, &Quiet);
    assert!(only_three.unwrap().is_clean());
}

#[test]
fn a_private_directory_that_a_foreign_engine_fills_is_left_to_it() {
    let scene = Scene::new();
    let inner = memory();
    let at = a_shared_file_to_come(&scene);
    let store = Meddler::store(
        &inner,
        &at,
        false,
        Deed::Put("private/1/CURRENT".into(), b"x".to_vec()),
    );
    let report = scene.create(&store).unwrap();
    assert_eq!(report.backup_id, id(2));
    assert_eq!(inner.read(&key("private/1/CURRENT"), 10).unwrap(), b"x");
    assert_valid(&inner, &[2], "with another id");
    assert!(
        files(&inner)
            .iter()
            .all(|path| !path.starts_with("stonekeep/tmp/"))
    );
}

/// The name that the first table of this database gets.
fn a_shared_file_to_come(scene: &Scene) -> String {
    let store = memory();
    scene.create(&store).unwrap();
    a_shared_file(&store, 1)
}

#[test]
fn a_new_id_is_larger_than_everything_that_has_a_number() {
    let scene = Scene::new();
    let cases = [
        "meta/41",
        "private/41/CURRENT",
        "stonekeep/backups/41",
        "stonekeep/deleted/41-00000000",
        "stonekeep/ids/41",
    ];
    for path in cases {
        let store = memory();
        scene.create(&store).unwrap();
        put(&store, path, b"what nobody can read");
        let report = scene.create(&store).unwrap();
        assert_eq!(report.backup_id, id(42), "{path}");
    }
}

#[test]
fn the_largest_id_has_no_next_one() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    put(&store, &format!("private/{}/CURRENT", BackupId::MAX), b"");
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_valid(&store, &[1], "after a refusal");
}

#[test]
fn a_meta_file_lists_what_rocksdb_lists_in_its_order() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let text = String::from_utf8(store.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let kinds = [
        "shared_checksum/",
        "private/1/MANIFEST-",
        "private/1/CURRENT",
        "private/1/OPTIONS-",
        "private/1/0",
    ];
    let found: Vec<usize> = text
        .lines()
        .skip(3)
        .map(|line| kinds.iter().position(|kind| line.starts_with(kind)).unwrap())
        .collect();
    assert_eq!(found, [0, 0, 0, 0, 0, 1, 2, 3, 4], "{text}");
}
