//! Repositories that real engines wrote, of every layout, under whatever options.

use std::num::NonZeroUsize;
use std::time::Duration;

use stonekeep::Quiet;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::collect::scene::*;

fn open(store: &Store, change: impl Fn(BackupEngineOptions) -> BackupEngineOptions) -> BackupEngine {
    let options = BackupEngineOptions::default().with_io_buffer_size_bytes(NonZeroUsize::new(4096));
    BackupEngine::open(change(options), store.clone()).unwrap()
}

fn assert_whole(engine: &BackupEngine, backups: &[u32]) {
    let ids: Vec<u32> = engine.backup_ids().unwrap().iter().map(|id| id.get()).collect();
    assert_eq!(ids, backups);
    if backups.is_empty() {
        return;
    }
    let report = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    assert_eq!(report.findings, []);
}

/// Whatever the present options are, they do not say how the repository was written.
fn wrong_options() -> [fn(BackupEngineOptions) -> BackupEngineOptions; 4] {
    [
        |options| options,
        |options| options.with_share_table_files(false),
        |options| options.with_share_files_with_checksum(false),
        |options| options.with_backup_log_files(false).with_sync(false),
    ]
}

#[test]
fn any_backup_of_any_engine_can_be_deleted() {
    for (name, change) in fixtures::ALL.into_iter().zip(wrong_options().into_iter().cycle()) {
        let fixture = Fixture::unpack(name).unwrap();
        let store: Store = Store::from(LocalStore::new(fixture.repository()));
        let engine = open(&store, change);
        assert_whole(&engine, &[1, 2, 3]);
        let report = engine.garbage_collect(Duration::ZERO, &Quiet).unwrap();
        assert_eq!(report.deleted_files, [], "{name}");
        assert_eq!(report.unknown_files, [""; 0], "{name}");
        let all = sizes(&store, |path| !path.starts_with("meta/"));
        let mut freed = 0;
        for (backup, left) in [(2, &[1, 3][..]), (3, &[1]), (1, &[])] {
            freed += engine.delete_backup(id(backup), &Quiet).unwrap().freed_bytes;
            assert_whole(&engine, left);
        }
        let left = files(&store);
        assert!(
            left.iter().all(|path| path == "LATEST_BACKUP"),
            "{name}: {left:?}"
        );
        assert_eq!(freed + sizes(&store, |_| true), all, "{name}");
    }
}

fn sizes(store: &Store, which: impl Fn(&str) -> bool) -> u64 {
    let files = files(store);
    let stats = files
        .iter()
        .filter(|path| which(path))
        .map(|path| store.stat(&key(path)).unwrap().unwrap());
    stats.map(|stat| stat.size_bytes).sum()
}

#[test]
fn a_purge_keeps_the_newest_of_any_engine() {
    for (name, change) in fixtures::ALL
        .into_iter()
        .zip(wrong_options().into_iter().cycle().skip(1))
    {
        let fixture = Fixture::unpack(name).unwrap();
        let store: Store = Store::from(LocalStore::new(fixture.repository()));
        let engine = open(&store, change);
        engine.purge_old_backups(1, &Quiet).unwrap();
        assert_whole(&engine, &[3]);
        assert!(!fixture.repository().join("private/1").exists(), "{name}");
        assert_eq!(
            engine
                .garbage_collect(Duration::ZERO, &Quiet)
                .unwrap()
                .deleted_files,
            []
        );
    }
}
