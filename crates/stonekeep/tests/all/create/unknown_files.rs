//! What stands beside a database that RocksDB does not know: named in every mode, accepted by name.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::image::{DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Quiet, Warning, WarningName};

use crate::support::scene::{Scene, id, memory, options, reader};

/// Files and directories of an application, and everything that is no surprise.
fn furnish(database: &Path) -> Vec<PathBuf> {
    for name in ["LOG.old.1700000000", "LOCK", "000007.dbtmp", ".stonekeep-open"] {
        fs::write(database.join(name), "").unwrap();
    }
    for name in [
        "archive",
        "lost",
        "lost+found",
        ".stonekeep-restore",
        "backups/meta",
        "backups/private",
    ] {
        fs::create_dir_all(database.join(name)).unwrap();
    }
    let unknown = ["notes", "rocksdict-config.json", "transaction_logs"].map(|name| database.join(name));
    std::os::unix::fs::symlink("/nowhere", &unknown[0]).unwrap();
    fs::write(&unknown[1], "{}").unwrap();
    fs::create_dir(&unknown[2]).unwrap();
    unknown.to_vec()
}

fn image_of(source: &dyn ImageSource) -> DatabaseImage {
    source.capture(&mut NoHost, &Quiet).unwrap().image().clone()
}

#[test]
fn unknown_files_are_reported_at_rest_and_hot() {
    let scene = Scene::new();
    let unknown = furnish(scene.database.path());
    let sources: [&dyn ImageSource; 2] = [
        &scene.source(),
        &Directory::new(scene.database.path(), SourceKind::Hot),
    ];
    for source in sources {
        assert_eq!(image_of(source).unknown, unknown);
    }
}

#[test]
fn directories_of_the_database_are_not_reported_as_unknown() {
    let scene = Scene::new();
    let wals = scene.database.path().join("wals");
    let tables = scene.database.path().join("tables");
    fs::create_dir_all(&wals).unwrap();
    fs::create_dir_all(&tables).unwrap();
    for entry in fs::read_dir(scene.database.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::rename(&path, wals.join(path.file_name().unwrap())).unwrap();
        }
    }
    let given = |path: &PathBuf| Some(path.clone());
    let closed = scene
        .source()
        .with_wal_dir(given(&wals))
        .with_db_paths(vec![tables.clone()]);
    let hot = Directory::new(scene.database.path(), SourceKind::Hot)
        .with_wal_dir(given(&wals))
        .with_db_paths(vec![tables]);
    assert_eq!(image_of(&closed).unknown, Vec::<PathBuf>::new());
    assert_eq!(image_of(&hot).unknown, Vec::<PathBuf>::new());
}

fn back_up(scene: &Scene, store: &Store, accept: Vec<WarningName>) -> Vec<Warning> {
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let how = CreateBackupOptions::default().with_accept(accept);
    engine
        .create_new_backup(&scene.source(), &how, &Quiet)
        .unwrap()
        .warnings
}

#[test]
fn a_backup_warns_of_unknown_files_and_accepts_the_warning_by_name() {
    let scene = Scene::new();
    furnish(scene.database.path());
    let store = memory();
    for (backup, accept) in [(1, Vec::new()), (2, vec![WarningName::UnknownFiles])] {
        let is_accepted = !accept.is_empty();
        let warnings = back_up(&scene, &store, accept);
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}")
        };
        assert_eq!(
            (warning.name, warning.accepted),
            (WarningName::UnknownFiles, is_accepted)
        );
        let names = "RocksDB does not know notes, rocksdict-config.json, transaction_logs/: ";
        assert!(warning.message.starts_with(names), "{warning}");
        let info = reader(&store).get_backup_info(id(backup), stonekeep::engine::info::InfoDetail::Head);
        assert_eq!(info.unwrap().capture_warnings, warnings);
    }
    let warnings = back_up(&scene, &store, vec![WarningName::ManualWalFlush]);
    assert!(!warnings[0].accepted, "another name was accepted");
}

#[test]
fn the_repository_is_not_reported_as_an_unknown_file() {
    let scene = Scene::new();
    let backups = scene.database.path().join("safe");
    fs::create_dir(&backups).unwrap();
    let store: Store = Store::from(LocalStore::new(backups.join("nightly")));
    assert_eq!(back_up(&scene, &store, Vec::new()), []);
}
