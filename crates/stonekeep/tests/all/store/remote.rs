//! Repositories in an object store are read as those in a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{EntryKind, Key, Store};
use stonekeep::{
    ErrorKind, InfoDetail, LocalStore, Quiet, RestoreOptions, VerifyLevel, VerifyWhat, WhichBackup,
};

use crate::support::scene::{Scene, options};

const PREFIX: &str = "backups/app";

/// Two backups in a directory, and the same files as objects.
struct Copied {
    scene: Scene,
    objects: Arc<InMemory>,
}

impl Copied {
    fn new() -> Self {
        let mut scene = Scene::new();
        let local: Store = LocalStore::new(scene.path("repository")).into();
        scene.create(&local).unwrap();
        scene.change();
        scene.create(&local).unwrap();
        let objects = Arc::new(InMemory::new());
        copy(&objects, &scene.path("repository"), PREFIX);
        Copied { scene, objects }
    }

    fn store(&self) -> Store {
        let objects: Arc<dyn ObjectStore> = Arc::clone(&self.objects) as _;
        RemoteStore::new(objects, PREFIX, "memory of a test")
            .unwrap()
            .into()
    }

    fn engine(&self) -> BackupEngineReadOnly {
        BackupEngineReadOnly::open(options(), self.store()).unwrap()
    }

    fn local_engine(&self) -> BackupEngineReadOnly {
        let store = LocalStore::new(self.scene.path("repository"));
        BackupEngineReadOnly::open(options(), store).unwrap()
    }
}

fn put(objects: &InMemory, at: &str, bytes: Vec<u8>) {
    let path = ObjectPath::parse(at).unwrap();
    objects.put(&path, bytes.into()).now_or_never().unwrap().unwrap();
}

pub(super) fn copy(objects: &InMemory, directory: &Path, prefix: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let at = format!("{prefix}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            copy(objects, &entry.path(), &at);
        } else {
            put(objects, &at, fs::read(entry.path()).unwrap());
        }
    }
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

#[test]
fn backups_in_an_object_store_are_listed_and_verified_as_in_a_directory() {
    let copied = Copied::new();
    for detail in [InfoDetail::Sizes, InfoDetail::Files] {
        let remote = copied.engine().get_all_backup_info(detail).unwrap();
        let local = copied.local_engine().get_all_backup_info(detail).unwrap();
        assert_eq!(remote.backups, local.backups);
        assert_eq!(remote.backups.len(), 2);
    }
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = copied
            .engine()
            .verify_backups(VerifyWhat::All, level, &Quiet)
            .unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.backups.len(), 2);
    }
}

#[test]
fn a_backup_in_an_object_store_is_restored() {
    let copied = Copied::new();
    for (number, which) in [
        WhichBackup::LatestValid,
        WhichBackup::Id(stonekeep::BackupId::FIRST),
    ]
    .into_iter()
    .enumerate()
    {
        let (from_remote, from_local) = (format!("remote-{number}"), format!("local-{number}"));
        let [from_remote, from_local] = [from_remote, from_local].map(|name| copied.scene.path(&name));
        for (engine, target) in [
            (copied.engine(), &from_remote),
            (copied.local_engine(), &from_local),
        ] {
            engine
                .restore_db_from_backup(which, target, &RestoreOptions::default(), &Quiet)
                .unwrap();
        }
        let restored = files(&from_remote);
        assert!(restored.contains_key("CURRENT"));
        assert_eq!(restored, files(&from_local));
    }
}

#[test]
fn damage_in_an_object_store_is_found() {
    let copied = Copied::new();
    let store = copied.store();
    let shared = store.list(Some(&key("shared_checksum"))).unwrap();
    let damaged = shared.iter().find(|entry| entry.name.ends_with(".sst")).unwrap();
    let at = format!("{PREFIX}/shared_checksum/{}", damaged.name);
    put(&copied.objects, &at, vec![0; damaged.size_bytes as usize]);
    let engine = copied.engine();
    let verify = |level| engine.verify_backups(VerifyWhat::All, level, &Quiet).unwrap();
    let is_found = |level| {
        let findings = verify(level).findings;
        findings
            .iter()
            .any(|finding| finding.file.ends_with(&damaged.name))
    };
    assert!(verify(VerifyLevel::Size).is_clean());
    assert!(is_found(VerifyLevel::Checksum));
    let path = ObjectPath::parse(&at).unwrap();
    copied.objects.delete(&path).now_or_never().unwrap().unwrap();
    assert!(is_found(VerifyLevel::Size));
}

#[test]
fn an_object_is_read_in_any_order_and_only_in_the_version_that_was_opened() {
    let objects = Arc::new(InMemory::new());
    let bytes: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
    put(&objects, "p/a", bytes.clone());
    let store: Store = RemoteStore::new(Arc::clone(&objects) as _, "p", "a test")
        .unwrap()
        .into();
    let object = store.open(&key("a")).unwrap();
    assert_eq!(object.size_bytes(), 1_000_000);
    for at in [0, 999_000, 5, 500_000, 999_999] {
        let mut buffer = [0; 100];
        let count = object.read_at(&mut buffer, at).unwrap();
        assert!(count > 0);
        assert_eq!(buffer[..count], bytes[at as usize..][..count], "at {at}");
    }
    assert_eq!(object.read_at(&mut [0; 10], 1_000_000).unwrap(), 0);
    put(&objects, "p/a", vec![9; 1_000_000]);
    let error = object.read_at(&mut [0; 10], 7).unwrap_err();
    assert!(format!("{error:?}").contains("took its place"), "{error}");
}

#[test]
fn objects_of_other_tools_are_passed_over() {
    let copied = Copied::new();
    let before = copied.store().list(None).unwrap().len();
    put(&copied.objects, &format!("{PREFIX}/a\\b"), vec![1]);
    put(&copied.objects, "backups/application/meta/1", vec![1]);
    let entries = copied.store().list(None).unwrap();
    assert_eq!(entries.len(), before);
    let meta = entries.iter().find(|entry| entry.name == "meta").unwrap();
    assert_eq!(meta.kind, EntryKind::Directory);
    assert_eq!(copied.store().stat(&key("meta")).unwrap(), None);
    assert!(copied.store().stat(&key("meta/1")).unwrap().is_some());
}

#[test]
fn an_empty_prefix_is_no_repository() {
    let objects = Arc::new(InMemory::new());
    let store = RemoteStore::new(objects, "nothing/here", "a test").unwrap();
    let error = BackupEngineReadOnly::open(options(), store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
