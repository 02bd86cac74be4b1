//! A restore onto a directory that a process of another container has open is refused.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::skip;

use crate::restore::scene::{assert_same, database_files};
use crate::support::scene::{self, Scene};

/// Set in the process of the other container: the directory with `repository` and `target` in it.
const SCENE: &str = "STONEKEEP_TEST_SCENE_OF_ANOTHER_CONTAINER";
const TEST: &str = "restore::in_use::a_holder_in_another_container_is_seen";

/// A command that runs in a pid namespace of its own, from which the processes here cannot be seen.
fn in_another_container(program: &Path) -> Option<Command> {
    let ways: [&[&str]; 2] = [
        &["--pid", "--fork"],
        &["--user", "--map-root-user", "--pid", "--fork"],
    ];
    let mut ways = ways.into_iter().filter(|way| {
        let tried = Command::new("unshare").args(*way).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    });
    let mut command = Command::new("unshare");
    command.args(ways.next()?).arg(program);
    Some(command)
}

/// What the process of the other container does: it tries, and reports.
fn try_to_restore(scene: &Path) {
    let store: Store = Store::from(LocalStore::new(scene.join("repository")));
    let target = scene.join("target");
    let error = scene::reader(&store)
        .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    println!("refused: {error}");
}

#[test]
fn a_holder_in_another_container_is_seen() {
    if let Some(scene) = std::env::var_os(SCENE) {
        return try_to_restore(Path::new(&scene));
    }
    let needs = "unshare, with the right to make pid namespaces";
    let other = in_another_container(&std::env::current_exe().unwrap());
    let Some(mut other) = skip::unless(other, TEST, needs).unwrap() else {
        return;
    };
    let scene = Scene::new();
    let store: Store = Store::from(LocalStore::new(scene.path("repository")));
    scene.create(&store).unwrap();
    let target = scene.path("target");
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(scene.database.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
    let before = database_files(&target);
    // As RocksDB does while the database is open. Nothing else here may open the file: closing it would drop the lock.
    let lock = File::create(target.join("LOCK")).unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();

    let output = other
        .args([TEST, "--exact", "--nocapture"])
        .env(SCENE, scene.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    assert!(
        said.contains("is open in a process of another container or machine"),
        "{said}"
    );
    drop(lock);
    assert_same(&database_files(&target), &before, "after the refusal");
}
