//! Copies of repositories are what RocksDB's engine takes for its own.

use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::BackupEngine;
use stonekeep::engine::copy::{CopyOptions, CopyState, CopyWhat};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;

use crate::common_repository::Shared;
use crate::ours;

fn at(path: &Path) -> Store {
    LocalStore::new(path).into()
}

/// Copies all backups, and gives the ids that they have in the target.
fn copy(from: &Store, to: &Store, how: &CopyOptions) -> Vec<u32> {
    let [from, to] = [from, to].map(|store| BackupEngine::open(ours::options(), store.clone()).unwrap());
    let report = to
        .copy_backups_from(from.as_read_only(), CopyWhat::All, how, &Quiet)
        .unwrap();
    let backups = report.backups.iter();
    backups
        .map(|backup| {
            assert_eq!(backup.state, CopyState::Copied, "{backup:?}");
            backup.new_id.unwrap().get()
        })
        .collect()
}

#[test]
fn a_repository_that_went_to_an_object_store_and_back_is_rocksdbs() {
    for recipe in ["column families", "blobs", "wal only"] {
        let mut shared = Shared::new(recipe);
        let made = [shared.theirs(), shared.ours(), shared.theirs(), shared.ours()];
        assert_eq!(made, [1, 2, 3, 4], "{recipe}");
        let (repository, remote) = (shared.repository(), MemoryStore::with_named_uploads().into());
        let how = CopyOptions::default();
        assert_eq!(copy(&at(&repository), &remote, &how), made);
        fs::remove_dir_all(&repository).unwrap();
        assert_eq!(copy(&remote, &at(&repository), &how), made);
        shared.holds(&made, recipe);
        assert_eq!([shared.theirs(), shared.ours()], [5, 6]);
        shared.holds(&[1, 2, 3, 4, 5, 6], recipe);
    }
}

#[test]
fn under_new_ids_backups_are_rocksdbs_too() {
    let mut shared = Shared::new("column families");
    let made = [shared.theirs(), shared.ours(), shared.theirs()];
    assert_eq!(made, [1, 2, 3]);
    let (repository, old) = (shared.repository(), shared.repository().with_file_name("old"));
    fs::rename(&repository, &old).unwrap();
    // Ids that are used before.
    for used in [1, 2, 3, 4] {
        assert_eq!(shared.ours(), used);
        shared.recorded.pop();
    }
    let new_ids = CopyOptions::default().with_new_ids(true);
    assert_eq!(copy(&at(&old), &at(&repository), &new_ids), [5, 6, 7]);
    let engine = ours::engine(&repository);
    for used in [1, 2, 3, 4] {
        let id = stonekeep::format::BackupId::new(used).unwrap();
        engine.delete_backup(id, &Quiet).unwrap();
    }
    for backup in &mut shared.recorded {
        backup.id += 4;
    }
    shared.holds(&[5, 6, 7], "under new ids");
    assert_eq!(shared.theirs(), 8);
    shared.holds(&[5, 6, 7, 8], "and the next one");
}
