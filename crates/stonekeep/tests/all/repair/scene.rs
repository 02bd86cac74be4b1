//! A repository with two backups, whose files are damaged.

use std::collections::BTreeMap;

use stonekeep::Quiet;
use stonekeep::engine::repair::{RepairReport, RepairSource};
use stonekeep::engine::verify::{VerifyOptions, VerifyWhat};
use stonekeep::engine::{BackupEngine, info::InfoDetail};
use stonekeep::format::BackupId;
use stonekeep::format::backup_name::RepoPath;
use stonekeep::store::Store;

use crate::support::scene::{Scene, files, key, named, options, put, reader};

pub(super) struct Ward {
    pub(super) scene: Scene,
    pub(super) store: Store,
}

impl Ward {
    pub(super) fn new(store: Store) -> Self {
        let mut scene = Scene::new();
        scene.create(&store).unwrap();
        scene.change();
        scene.create(&store).unwrap();
        Ward { scene, store }
    }

    pub(super) fn engine(&self) -> BackupEngine {
        BackupEngine::open(options(), self.store.clone()).unwrap()
    }

    pub(super) fn database(&self) -> RepairSource {
        RepairSource::Directory(self.scene.database.path().to_owned())
    }

    pub(super) fn repair(&self, sources: &[RepairSource]) -> RepairReport {
        self.engine().repair(VerifyWhat::All, sources, &Quiet).unwrap()
    }

    pub(super) fn plan(&self, sources: &[RepairSource]) -> RepairReport {
        let before = self.state();
        let plan = self
            .engine()
            .plan_repair(VerifyWhat::All, sources, &Quiet)
            .unwrap();
        assert_eq!(self.state(), before, "planned");
        plan
    }

    /// Leaves stamps.
    pub(super) fn verify(&self) {
        let verified = reader(&self.store).verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
        verified.unwrap();
    }

    /// The files of a backup.
    pub(super) fn files(&self, backup: u32) -> Vec<String> {
        named(&self.store, backup).into_iter().collect()
    }

    /// A table that both backups name.
    pub(super) fn table(&self) -> String {
        let tables = self.files(1).into_iter();
        let mut tables = tables.filter(|path| path.ends_with(".sst") && self.files(2).contains(path));
        tables.next().unwrap()
    }

    pub(super) fn never_verified_bytes(&self) -> u64 {
        let info = reader(&self.store)
            .get_all_backup_info(InfoDetail::Sizes)
            .unwrap();
        info.never_verified_bytes.unwrap()
    }

    /// Every file that is no stamp, with its bytes.
    pub(super) fn state(&self) -> BTreeMap<String, Vec<u8>> {
        let paths = files(&self.store).into_iter();
        let paths = paths.filter(|path| !path.starts_with("stonekeep/verified/") && !path.ends_with("lock"));
        paths
            .map(|path| (read(&self.store, &path), path))
            .map(|(bytes, path)| (path, bytes))
            .collect()
    }
}

pub(super) fn read(store: &Store, path: &str) -> Vec<u8> {
    store.read(&key(path), 1 << 20).unwrap()
}

/// Flips a bit in the middle, or gives the other one back.
pub(super) fn flip(store: &Store, path: &str) {
    let mut bytes = read(store, path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    put(store, path, &bytes);
}

/// What the file is called in the database.
pub(super) fn restored(path: &str) -> String {
    RepoPath::parse(path).unwrap().restored_name().to_string()
}

pub(super) fn paths(report: &RepairReport) -> Vec<&str> {
    report.repaired.iter().map(|file| &*file.path).collect()
}

pub(super) fn damaged(report: &RepairReport) -> Vec<&str> {
    report.not_repaired.iter().map(|file| &*file.path).collect()
}

pub(super) fn ids_of(ids: &[BackupId]) -> Vec<u32> {
    ids.iter().map(|id| id.get()).collect()
}
