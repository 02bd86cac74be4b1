//! Which bytes a copy moves, and what the copied backups are.

use std::collections::BTreeMap;

use stonekeep::engine::copy::{CopyOptions, CopyReport, CopyState, CopyWhat};
use stonekeep::engine::restore::RestoreReport;
use stonekeep::engine::{BackupEngine, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::{Quiet, Result, WhichBackup};

use crate::support::scene::{Scene, assert_valid, files, id, ids, key, memory, options, put, reader};

pub(super) fn copy(from: &Store, to: &Store, what: impl Into<CopyWhat>) -> Result<CopyReport> {
    copy_with(from, to, what, CopyOptions::default())
}

pub(super) fn copy_with(
    from: &Store,
    to: &Store,
    what: impl Into<CopyWhat>,
    how: CopyOptions,
) -> Result<CopyReport> {
    let engine = BackupEngine::open(options(), to.clone())?;
    engine.copy_backups_from(&reader(from), what, &how, &Quiet)
}

/// The ids and states in a report, with the ids in the target.
pub(super) fn states(report: &CopyReport) -> Vec<(u32, CopyState, Option<u32>)> {
    let backups = report.backups.iter();
    let state = |backup: &stonekeep::engine::copy::CopiedBackup| {
        (backup.id.get(), backup.state, backup.new_id.map(|id| id.get()))
    };
    backups.map(state).collect()
}

/// Three backups of one database, with files of the application.
pub(super) fn three_backups() -> (Scene, Store) {
    let (mut scene, store) = (Scene::new(), memory());
    scene.include("app/config.json", "{}");
    scene.include("empty", "");
    for _ in 0..3 {
        scene.create(&store).unwrap();
        scene.change();
    }
    (scene, store)
}

/// The files of a repository with their bytes, without the claims of ids, which are random, the lock, and the hint at the newest
/// backup, which not every store has.
pub(super) fn content(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let apart = ["stonekeep/lock", "stonekeep/latest"];
    let is_content = |path: &String| !path.starts_with("stonekeep/ids/") && !apart.contains(&path.as_str());
    let paths = files(store).into_iter().filter(is_content);
    paths
        .map(|path| {
            let bytes = store.read(&key(&path), 1 << 30).unwrap();
            (path, bytes)
        })
        .collect()
}

fn stores(scene: &Scene) -> Vec<Store> {
    vec![
        memory(),
        MemoryStore::with_named_uploads().into(),
        LocalStore::new(scene.path("copied")).into(),
    ]
}

#[test]
fn a_copied_repository_is_the_same_byte_for_byte() {
    let (scene, from) = three_backups();
    for to in stores(&scene) {
        let report = copy(&from, &to, CopyWhat::All).unwrap();
        let copied = |id| (id, CopyState::Copied, Some(id));
        assert!(report.done);
        assert_eq!(states(&report), [copied(1), copied(2), copied(3)]);
        assert_eq!(content(&to), content(&from));
        assert_valid(&to, &[1, 2, 3], "copied");
        let back = memory();
        copy(&to, &back, CopyWhat::All).unwrap();
        assert_eq!(content(&back), content(&from));
    }
}

#[test]
fn nothing_is_copied_twice() {
    let (mut scene, from) = three_backups();
    for to in stores(&scene) {
        let first = copy(&from, &to, id(1)).unwrap();
        let second = copy(&from, &to, CopyWhat::All).unwrap();
        assert_eq!(second.backups[0].state, CopyState::AlreadyThere);
        let both = first.files.files_copied + second.files.files_copied;
        let facts_and_metas =
            |path: &&String| path.starts_with("meta/") || path.starts_with("stonekeep/backups/");
        let stored = content(&from);
        let stored = stored.keys().filter(|path| !facts_and_metas(path)).count();
        assert_eq!(both, stored as u64);
        let third = copy(&from, &to, CopyWhat::All).unwrap();
        assert_eq!(
            states(&third),
            [1, 2, 3].map(|id| (id, CopyState::AlreadyThere, Some(id)))
        );
        assert_eq!((third.files.files_copied, third.files.files_reused), (0, 0));
    }
    // The next backup shares files with the one before it.
    let to = memory();
    copy(&from, &to, CopyWhat::All).unwrap();
    scene.change();
    let made = scene.create(&from).unwrap();
    let next = copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!(next.files.files_reused, made.files_reused);
    assert_valid(&to, &[1, 2, 3, 4], "after the next one");
}

#[test]
fn new_ids_are_the_next_free_ones_and_are_given_once() {
    let (scene, from) = three_backups();
    let other = memory();
    scene.create(&other).unwrap();
    for to in stores(&scene) {
        copy(&other, &to, CopyWhat::All).unwrap();
        let new_ids = CopyOptions::default().with_new_ids(true);
        let report = copy_with(&from, &to, [id(1), id(3)].as_slice(), new_ids.clone()).unwrap();
        let copied = |id, new_id| (id, CopyState::Copied, Some(new_id));
        assert_eq!(states(&report), [copied(1, 2), copied(3, 3)]);
        let report = copy_with(&from, &to, CopyWhat::All, new_ids).unwrap();
        let there = |id, new_id| (id, CopyState::AlreadyThere, Some(new_id));
        assert_eq!(states(&report), [there(1, 2), copied(2, 4), there(3, 3)]);
        assert_valid(&to, &[1, 2, 3, 4], "under new ids");
        for (old, new) in [(1, 2), (2, 4), (3, 3)] {
            let (a, b) = (restored(&scene, &from, old), restored(&scene, &to, new));
            assert_eq!(a, b, "{old} {new}");
        }
    }
}

/// The files of a restored backup, those of the application too.
fn restored(scene: &Scene, store: &Store, backup: u32) -> BTreeMap<String, Vec<u8>> {
    let at = scene.path("restored");
    let restore = |store: &Store| -> Result<RestoreReport> {
        let which = WhichBackup::Id(id(backup));
        reader(store).restore_db_from_backup(which, &at, &RestoreOptions::default(), &Quiet)
    };
    restore(store).unwrap();
    let store: Store = LocalStore::new(&at).into();
    let restored = files(&store).into_iter();
    let restored = restored.map(|path| {
        let bytes = store.read(&key(&path), 1 << 30).unwrap();
        (path, bytes)
    });
    let restored = restored.collect();
    std::fs::remove_dir_all(&at).unwrap();
    restored
}

#[test]
fn a_dry_run_says_what_would_be_copied_and_changes_nothing() {
    let (scene, from) = three_backups();
    for to in stores(&scene) {
        let engine = BackupEngine::open(options(), to.clone()).unwrap();
        for _ in 0..2 {
            let before = if to.exists().unwrap() {
                content(&to)
            } else {
                BTreeMap::new()
            };
            let how = CopyOptions::default();
            let plan = engine
                .plan_copy_backups_from(&reader(&from), CopyWhat::All, &how, &Quiet)
                .unwrap();
            assert!(!plan.done);
            let after = if to.exists().unwrap() {
                content(&to)
            } else {
                BTreeMap::new()
            };
            assert_eq!(before, after);
            let report = copy(&from, &to, CopyWhat::All).unwrap();
            assert_eq!(plan.backups, report.backups);
        }
    }
}

#[test]
fn backups_without_facts_are_copied_and_stay_without() {
    let (_scene, from) = three_backups();
    from.delete_one(&key("stonekeep/backups/2")).unwrap();
    put(&from, "stonekeep/backups/3", b"damaged");
    let to = memory();
    let report = copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!(report.in_state(CopyState::Copied).count(), 3);
    // Their files of the application are known to nobody.
    let named: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| warning.name.as_str())
        .collect();
    assert_eq!(named, ["not-included", "facts-damaged", "not-included"]);
    let copied = content(&to);
    assert!(copied.contains_key("stonekeep/backups/1"));
    assert!(!copied.contains_key("stonekeep/backups/2") && !copied.contains_key("stonekeep/backups/3"));
    assert_valid(&to, &[1, 2, 3], "without facts");
}

#[test]
fn what_another_program_has_left_is_used_if_its_bytes_are_right() {
    let (_scene, from) = three_backups();
    let all = content(&from);
    let shared: Vec<&String> = all.keys().filter(|path| path.starts_with("shared")).collect();
    let to = memory();
    to.create_root(stonekeep::store::Durability::Durable).unwrap();
    put(&to, shared[0], &all[shared[0]]);
    let mut wrong = all[shared[1]].clone();
    wrong[7] ^= 1;
    put(&to, shared[1], &wrong);
    put(&to, shared[2], b"short");
    let report = copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!((report.files.files_resumed, ids(&to)), (1, vec![1, 2, 3]));
    assert_eq!(content(&to), all);
}
