//! Owner and modes of what a run makes in a repository.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngine, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;

use crate::support::scene::{Scene, id, options};

/// A user that is not root.
const SOMEBODY: u32 = 65_534;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// Everything below a directory.
fn all(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

/// Two backups of a database whose directory has this mode, of which the first one is deleted.
fn back_up(scene: &Scene, database_mode: u32, repository: &Path) {
    set(scene.database.path(), database_mode);
    let store: Store = Store::from(LocalStore::new(repository));
    scene.create(&store).unwrap();
    scene.create(&store).unwrap();
    let engine = BackupEngine::open(options(), store).unwrap();
    engine.delete_backup(id(1), &Quiet).unwrap();
}

#[test]
fn a_new_repository_grants_no_more_than_the_database() {
    for database_mode in [0o700, 0o750, 0o755, 0o711] {
        let scene = Scene::new();
        let repository = scene.path("repository");
        back_up(&scene, database_mode, &repository);
        assert_eq!(mode(&repository) & !database_mode, 0, "{database_mode:o}");
        let made = all(&repository);
        assert!(made.len() > 15, "{made:?}");
        for path in made {
            let granted = mode(&path);
            assert_eq!(
                granted & !database_mode,
                0,
                "{database_mode:o} {} {granted:o}",
                path.display()
            );
        }
    }
}

#[test]
fn a_repository_that_is_there_keeps_its_mode_and_is_not_opened_wider() {
    let scene = Scene::new();
    let repository = scene.path("repository");
    fs::create_dir(&repository).unwrap();
    set(&repository, 0o755);
    back_up(&scene, 0o700, &repository);
    assert_eq!(mode(&repository), 0o755);
    assert!(all(&repository).iter().all(|path| mode(path) & 0o077 == 0));
}

#[test]
fn a_repository_that_is_shared_with_a_group_stays_shared() {
    for root_mode in [0o2770, 0o2755, 0o750] {
        let scene = Scene::new();
        let repository = scene.path("repository");
        fs::create_dir(&repository).unwrap();
        set(&repository, root_mode);
        back_up(&scene, 0o700, &repository);
        assert_eq!(mode(&repository), root_mode);
        for path in all(&repository) {
            let (granted, is_directory) = (mode(&path), path.is_dir());
            assert_eq!(granted & 0o007, 0, "{root_mode:o} {} {granted:o}", path.display());
            assert_eq!(
                granted & 0o040,
                0o040,
                "{root_mode:o} {} {granted:o}",
                path.display()
            );
            assert_eq!(
                granted & 0o2000 != 0,
                is_directory && root_mode & 0o2000 != 0,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn what_root_makes_belongs_to_the_owner_of_the_repository() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scene = Scene::new();
    let repository = scene.path("repository");
    fs::create_dir(&repository).unwrap();
    chown(&repository, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    back_up(&scene, 0o700, &repository);
    let store: Store = Store::from(LocalStore::new(&repository));
    let engine = BackupEngine::open(options(), store).unwrap();
    let target = scene.path("restored");
    let options = RestoreOptions::default();
    engine
        .restore_db_from_backup(WhichBackup::Latest, &target, &options, &Quiet)
        .unwrap();
    for path in all(&repository) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (SOMEBODY, SOMEBODY),
            "{}",
            path.display()
        );
    }
}
