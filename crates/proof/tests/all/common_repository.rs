//! Both engines create, delete, purge and collect garbage in one repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use stonekeep::engine::info::{BackupInfo, InfoDetail};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::format::BackupId;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_proof::engine::{EngineOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, ClosedDatabase, Workbench};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;
use crate::their_backups;

fn id(number: u32) -> BackupId {
    BackupId::new(number).unwrap()
}

/// A repository that both engines write into, and a database that changes between backups.
pub(crate) struct Shared {
    root: tempfile::TempDir,
    closed: ClosedDatabase,
    pub(crate) recorded: Vec<Recorded>,
}

impl Shared {
    pub(crate) fn new(recipe: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let closed = Workbench::create(makers::by_name(recipe).unwrap(), root.path())
            .unwrap()
            .close();
        Self {
            root,
            closed,
            recorded: Vec::new(),
        }
    }

    pub(crate) fn repository(&self) -> std::path::PathBuf {
        self.root.path().join("repo")
    }

    fn reopen(&self) -> Workbench {
        Workbench::reopen(self.closed.clone()).unwrap()
    }

    fn change(&mut self) {
        let mut bench = self.reopen();
        bench.change().unwrap();
        self.closed = bench.close();
    }

    /// A change, then a backup by Stonekeep.
    pub(crate) fn ours(&mut self) -> u32 {
        self.change();
        let report = ours::back_up(&ours::engine(&self.repository()), &self.closed);
        let id = report.backup_id.get();
        self.recorded.push(Recorded {
            id,
            contents: self.closed.contents.clone(),
            sequence: report.sequence_number.0,
        });
        id
    }

    /// A change, then a backup by RocksDB.
    pub(crate) fn theirs(&mut self) -> u32 {
        let mut bench = self.reopen();
        bench.change().unwrap();
        let recorded = their_backups::back_up(&self.rocksdb(), &bench, &their_backups::defaults(), b"theirs");
        self.closed = bench.close();
        let id = recorded.id;
        self.recorded.push(recorded);
        id
    }

    fn rocksdb(&self) -> RocksBackupEngine {
        RocksBackupEngine::open(&self.repository(), &EngineOptions::default()).unwrap()
    }

    /// The backups with these ids are there, no others, and nothing else; both engines restore them.
    pub(crate) fn holds(&mut self, ids: &[u32], what: &str) {
        self.recorded.retain(|backup| ids.contains(&backup.id));
        let repository = self.repository();
        judge::accepts(&repository, &self.recorded, what);
        judge::agrees_on_infos(&repository, what);
        judge::finds_nothing_surplus(&repository, what);
        restores_all(&repository, &self.recorded, what);
        let verified =
            ours::engine(&repository).verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
        if ids.is_empty() {
            assert_eq!(verified.unwrap_err().kind(), ErrorKind::NotFound, "{what}");
            return;
        }
        let verified = verified.unwrap();
        assert!(verified.is_clean(), "{what}: {:?}", verified.findings);
        assert_eq!(verified.backups.len(), ids.len(), "{what}");
    }

    fn info(&self, number: u32) -> BackupInfo {
        ours::engine(&self.repository())
            .get_backup_info(id(number), InfoDetail::Head)
            .unwrap()
    }

    fn facts(&self) -> BTreeSet<String> {
        judge::names(&self.repository().join("stonekeep/backups"))
    }
}

#[test]
fn rocksdb_deletes_purges_and_collects_and_nothing_of_ours_is_lost() {
    for recipe in ["column families", "blobs"] {
        let mut shared = Shared::new(recipe);
        for _ in 0..4 {
            shared.ours();
        }
        let facts = |id: u32| fs::read(shared.repository().join(format!("stonekeep/backups/{id}"))).unwrap();
        let before: Vec<_> = [3, 4].map(facts).into();
        shared.rocksdb().delete(2).unwrap();
        shared.holds(&[1, 3, 4], "after RocksDB's delete");
        shared.rocksdb().purge(2).unwrap();
        shared.holds(&[3, 4], "after RocksDB's purge");
        shared.rocksdb().collect_garbage().unwrap();
        shared.holds(&[3, 4], "after RocksDB's garbage collection");
        let facts = |id: u32| fs::read(shared.repository().join(format!("stonekeep/backups/{id}"))).unwrap();
        assert_eq!([3, 4].map(facts).to_vec(), before);
        assert!(shared.info(4).created_by.is_some());
        assert_eq!(shared.ours(), 5);
        shared.holds(&[3, 4, 5], "after another backup");
        // Facts whose backups RocksDB has deleted are ours to remove.
        ours::engine(&shared.repository())
            .garbage_collect(Duration::ZERO, &Quiet)
            .unwrap();
        assert_eq!(shared.facts(), ["3", "4", "5"].map(str::to_owned).into());
        shared.holds(&[3, 4, 5], "after our garbage collection");
    }
}

#[test]
fn stonekeep_deletes_purges_and_collects_and_nothing_of_theirs_is_lost() {
    for recipe in ["column families", "blobs"] {
        let mut shared = Shared::new(recipe);
        for _ in 0..4 {
            shared.theirs();
        }
        let engine = ours::engine(&shared.repository());
        let report = engine.delete_backup(id(2), &Quiet).unwrap();
        assert_eq!(report.deleted_backups, [id(2)]);
        shared.holds(&[1, 3, 4], "after our delete");
        let report = engine.purge_old_backups(2, &Quiet).unwrap();
        assert_eq!(report.deleted_backups, [id(1)]);
        shared.holds(&[3, 4], "after our purge");
        engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        shared.holds(&[3, 4], "after our garbage collection");
        assert_eq!(shared.theirs(), 5);
        shared.holds(&[3, 4, 5], "after another backup");
    }
}

#[test]
fn both_engines_take_turns_in_one_repository() {
    let mut shared = Shared::new("column families");
    assert_eq!(
        [shared.ours(), shared.theirs(), shared.ours(), shared.theirs()],
        [1, 2, 3, 4]
    );
    shared.holds(&[1, 2, 3, 4], "by turns");
    shared.rocksdb().delete(1).unwrap();
    ours::engine(&shared.repository())
        .delete_backup(id(2), &Quiet)
        .unwrap();
    shared.holds(&[3, 4], "each deletes its own");
    shared.rocksdb().delete(4).unwrap();
    ours::engine(&shared.repository())
        .delete_backup(id(3), &Quiet)
        .unwrap();
    shared.holds(&[], "nothing is left");
}

#[test]
fn facts_of_a_deleted_backup_are_not_taken_for_those_of_another_with_its_id() {
    let mut shared = Shared::new("column families");
    shared.ours();
    shared.ours();
    let stale = shared.info(2);
    shared.rocksdb().delete(2).unwrap();
    shared.recorded.retain(|backup| backup.id == 1);
    // RocksDB's engine goes by what is in meta/ alone.
    assert_eq!(shared.theirs(), 2);
    assert!(shared.facts().contains("2"));
    let info = shared.info(2);
    assert_eq!((stale.created_by.is_some(), info.created_by), (true, None));
    assert_ne!(info.sequence_number, stale.sequence_number);
    assert_eq!(info.app_metadata, b"theirs");
    shared.holds(&[1, 2], "with an id of before");
    assert_eq!(shared.ours(), 3);
    shared.holds(&[1, 2, 3], "after another backup");
}

#[test]
fn an_id_that_rocksdb_deleted_is_not_used_again_by_us() {
    let mut shared = Shared::new("wal only");
    shared.ours();
    shared.ours();
    shared.rocksdb().delete(2).unwrap();
    assert_eq!(shared.ours(), 3);
    shared.holds(&[1, 3], "after the deletion of the newest");
}

/// What a RocksDB engine leaves that was killed in a backup.
fn leave_a_killed_backup(repository: &Path) -> [&'static str; 2] {
    let left = [
        "shared_checksum/999999_sABCDEFGHIJ0123456789_4.sst",
        "private/9/000012.log",
    ];
    fs::create_dir(repository.join("private/9")).unwrap();
    for name in left {
        fs::write(repository.join(name), "none").unwrap();
    }
    left
}

#[test]
fn what_another_engine_left_is_garbage_once_it_is_old() {
    let mut shared = Shared::new("column families");
    shared.ours();
    let repository = shared.repository();
    let left = leave_a_killed_backup(&repository);
    let engine = ours::engine(&repository);
    let young = engine
        .garbage_collect(stonekeep::engine::collect::DEFAULT_MIN_AGE, &Quiet)
        .unwrap();
    assert!(
        young.too_young >= 2 && young.deleted_files.is_empty(),
        "{young:?}"
    );
    assert!(left.iter().all(|name| repository.join(name).exists()));
    let old = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
    assert_eq!(old.deleted_files.len(), 2, "{old:?}");
    shared.holds(&[1], "after the garbage went");
}
