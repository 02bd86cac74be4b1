//! Repositories with two states of a database, and targets to restore them into.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::{RestoreReport, TargetDisk};
use stonekeep::engine::{BackupEngineReadOnly, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::{Quiet, Result};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::support::scene::{self, Scene};

/// Files by their path below a directory; directories by their path with a slash behind, without content.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// A database that was backed up in two states, which share some tables.
pub(crate) struct TwoStates {
    pub(crate) scene: Scene,
    pub(crate) store: Store,
    /// The files of backup 1 and of backup 2, as they come back.
    pub(crate) states: [Tree; 2],
}

impl TwoStates {
    pub(crate) fn new() -> Self {
        TwoStates::with(DatabaseBuilder::new())
    }

    pub(crate) fn with(builder: DatabaseBuilder) -> Self {
        TwoStates::of(Scene::with(builder), |_| {})
    }

    /// The states of this scene before and after a change.
    pub(crate) fn of(mut scene: Scene, change: impl FnOnce(&mut Scene)) -> Self {
        let store = scene::memory();
        scene.create(&store).unwrap();
        let first = backed_up(&scene);
        scene.change();
        change(&mut scene);
        scene.database.reopen();
        scene.database.write(5);
        scene.create(&store).unwrap();
        let states = [first, backed_up(&scene)];
        TwoStates { scene, store, states }
    }

    pub(crate) fn reader(&self) -> BackupEngineReadOnly {
        scene::reader(&self.store)
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.scene.path("target")
    }

    pub(crate) fn restore(&self, id: u32, options: &RestoreOptions) -> Result<RestoreReport> {
        let which = WhichBackup::Id(scene::id(id));
        self.reader()
            .restore_db_from_backup(which, &self.target(), options, &Quiet)
    }

    /// The target is exactly this state of the database.
    pub(crate) fn assert_restored(&self, id: u32, when: &str) {
        let wanted = &self.states[id as usize - 1];
        assert_same(&database_files(&self.target()), wanted, when);
    }

    /// The same, with one more thing there.
    pub(crate) fn assert_restored_with(&self, id: u32, stranger: &str, when: &str) {
        let mut found = database_files(&self.target());
        assert!(found.remove(stranger).is_some(), "{when}");
        assert_same(&found, &self.states[id as usize - 1], when);
    }
}

/// Two states, and a target with the present one.
pub(crate) fn over() -> TwoStates {
    let two = TwoStates::new();
    copy(two.scene.database.path(), &two.target());
    two
}

/// Restores backup 1.
pub(crate) fn restore_on(
    two: &TwoStates,
    disk: &TargetDisk,
    options: &RestoreOptions,
) -> Result<RestoreReport> {
    let which = WhichBackup::Id(scene::id(1));
    two.reader()
        .restore_on(disk, which, &two.target(), options, &Quiet)
}

/// What a backup of the database brings back: everything but what RocksDB makes anew, and OPTIONS files but the newest.
pub(crate) fn backed_up(scene: &Scene) -> Tree {
    let mut files = tree(scene.database.path());
    let newest = files
        .keys()
        .filter(|name| name.starts_with("OPTIONS-"))
        .max()
        .cloned();
    files.retain(|name, _| {
        let is_old_options = name.starts_with("OPTIONS-") && Some(name) != newest.as_ref();
        !is_old_options && name != "LOCK" && name != "IDENTITY" && !name.starts_with("LOG")
    });
    files
}

/// Everything at a target but its LOCK.
pub(crate) fn database_files(target: &Path) -> Tree {
    let mut files = tree(target);
    files.remove("LOCK");
    files
}

/// Everything below a directory.
pub(crate) fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let (path, kind) = entry
                .map(|entry| (entry.path(), entry.file_type().unwrap()))
                .unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if kind.is_dir() {
                found.insert(name + "/", Vec::new());
                directories.push(path);
            } else {
                let content = fs::read(&path).unwrap_or_else(|_| b"a link to nowhere".to_vec());
                found.insert(name, content);
            }
        }
    }
    found
}

/// Compares without printing all the bytes.
pub(crate) fn assert_same(found: &Tree, wanted: &Tree, when: &str) {
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{when}");
    for (name, content) in wanted {
        assert!(found[name] == *content, "{when}: {name} is another file");
    }
}

/// Gives the files of a directory, which are these, second names. Nothing that is restored over is written into.
pub(crate) fn link(from: &Path, files: &Tree, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in files.keys() {
        // In the order of names, a directory comes before what is in it.
        match name.strip_suffix('/') {
            Some(directory) => fs::create_dir(to.join(directory)).unwrap(),
            None => fs::hard_link(from.join(name), to.join(name)).unwrap(),
        }
    }
}

/// Copies a directory, so that it can be restored over.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (name, content) in tree(from) {
        match name.strip_suffix('/') {
            Some(directory) => fs::create_dir_all(to.join(directory)).unwrap(),
            None => {
                fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
                fs::write(to.join(&name), content).unwrap();
            }
        }
    }
}
