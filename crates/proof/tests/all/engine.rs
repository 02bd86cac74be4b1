//! The shim does what RocksDB's header says of each function.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use stonekeep_proof::engine::{
    CreateOptions, Decision, EngineOptions, Naming, RestoreMode, RestoreOptions, RocksBackupEngine,
    VerifyLevel,
};
use stonekeep_proof::makers::{self, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

/// A repository with three backups of one database, which stays open.
fn three_backups(root: &Path, options: &EngineOptions) -> (RocksBackupEngine, Workbench) {
    let engine = RocksBackupEngine::open(&root.join("repo"), options).unwrap();
    let mut bench = Workbench::create(makers::by_name("column families").unwrap(), root).unwrap();
    for _ in 0..3 {
        engine.create(bench.db(), &CreateOptions::default()).unwrap();
        bench.change().unwrap();
    }
    (engine, bench)
}

fn ids(engine: &RocksBackupEngine) -> Vec<u32> {
    engine.backups().into_iter().map(|backup| backup.id).collect()
}

#[test]
fn one_backup_is_deleted_and_old_ones_purged() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _bench) = three_backups(root.path(), &EngineOptions::default());
    engine.delete(2).unwrap();
    assert_eq!(ids(&engine), [1, 3]);
    engine.purge(1).unwrap();
    assert_eq!(ids(&engine), [3]);
    let error = engine.delete(2).unwrap_err();
    assert!(error.status().unwrap().starts_with("NotFound"), "{error}");
}

#[test]
fn garbage_is_collected() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _bench) = three_backups(root.path(), &EngineOptions::default());
    let stray = root.path().join("repo/shared_checksum/000999_sABC_4.sst");
    fs::write(&stray, b"none").unwrap();
    engine.collect_garbage().unwrap();
    assert!(!stray.exists());
}

#[test]
fn backup_infos_have_metadata_and_files() {
    let root = tempfile::tempdir().unwrap();
    let engine = RocksBackupEngine::open(&root.path().join("repo"), &EngineOptions::default()).unwrap();
    let bench = Workbench::create(makers::by_name("column families").unwrap(), root.path()).unwrap();
    let options = CreateOptions {
        app_metadata: b"\0a\nb",
        ..CreateOptions::default()
    };
    let id = engine.create(bench.db(), &options).unwrap();
    let info = engine.backup(id).unwrap();
    assert_eq!(info.app_metadata, b"\0a\nb");
    assert_eq!(info.files.len(), info.number_files as usize);
    assert_eq!(info.files.iter().map(|file| file.size).sum::<u64>(), info.size);
    for file in &info.files {
        assert_eq!(
            fs::metadata(root.path().join("repo").join(&file.name))
                .unwrap()
                .len(),
            file.size
        );
    }
    assert_eq!(engine.backups(), [info]);
    assert!(
        engine
            .backup(9)
            .unwrap_err()
            .status()
            .unwrap()
            .starts_with("NotFound")
    );
}

#[test]
fn a_flipped_bit_is_seen_by_checksums_and_a_short_file_by_sizes() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _bench) = three_backups(root.path(), &EngineOptions::default());
    let table = root
        .path()
        .join("repo")
        .join(&engine.backup(1).unwrap().files.last().unwrap().name);
    let mut bytes = fs::read(&table).unwrap();
    bytes[7] ^= 4;
    fs::write(&table, &bytes).unwrap();
    engine.verify(1, VerifyLevel::Sizes).unwrap();
    let error = engine.verify(1, VerifyLevel::Checksums).unwrap_err();
    assert!(error.status().unwrap().starts_with("Corruption"), "{error}");
    bytes.pop();
    fs::write(&table, &bytes).unwrap();
    assert!(
        engine
            .verify(1, VerifyLevel::Sizes)
            .unwrap_err()
            .status()
            .unwrap()
            .starts_with("Corruption")
    );
}

#[test]
fn an_unreadable_meta_file_is_listed_as_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _bench) = three_backups(root.path(), &EngineOptions::default());
    drop(engine);
    fs::write(root.path().join("repo/meta/2"), "no meta file\n").unwrap();
    let engine =
        RocksBackupEngine::open_read_only(&root.path().join("repo"), &EngineOptions::default()).unwrap();
    assert_eq!(engine.corrupted(), [2]);
    assert_eq!(ids(&engine), [1, 3]);
    assert!(
        engine
            .purge(0)
            .unwrap_err()
            .status()
            .unwrap()
            .contains("read-only")
    );
}

#[test]
fn each_restore_mode_gives_the_latest_state() {
    let root = tempfile::tempdir().unwrap();
    let (engine, bench) = three_backups(root.path(), &EngineOptions::default());
    engine
        .create(
            bench.db(),
            &CreateOptions {
                flush_before_backup: true,
                ..CreateOptions::default()
            },
        )
        .unwrap();
    let target = root.path().join("restored");
    for mode in [
        RestoreMode::PurgeAllFiles,
        RestoreMode::KeepLatestDbSessionIdFiles,
        RestoreMode::VerifyChecksum,
    ] {
        let options = RestoreOptions {
            mode,
            ..RestoreOptions::default()
        };
        engine.restore_latest(&target, &target, &options).unwrap();
        let found = oracle::examine(&target, &OpenOptions::default()).unwrap();
        oracle::equal(bench.contents(), &found.contents, &format!("{mode:?}")).unwrap();
    }
}

#[test]
fn callbacks_are_called_and_their_failure_ends_the_backup() {
    let root = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        schema_version: 2,
        callback_trigger_interval_size: 64,
        share_files_with_checksum_naming: Naming::SessionId,
        ..EngineOptions::default()
    };
    let engine = RocksBackupEngine::open(&root.path().join("repo"), &options).unwrap();
    let bench = Workbench::create(makers::by_name("column families").unwrap(), root.path()).unwrap();
    let failing = CreateOptions {
        exclude: Some(&|_| Decision::Fail),
        ..CreateOptions::default()
    };
    let error = engine.create(bench.db(), &failing).unwrap_err();
    assert!(error.status().unwrap().contains("Operation aborted"), "{error}");
    let calls = AtomicUsize::new(0);
    let count = || {
        calls.fetch_add(1, Ordering::Relaxed);
    };
    let id = engine
        .create(
            bench.db(),
            &CreateOptions {
                progress: Some(&count),
                ..CreateOptions::default()
            },
        )
        .unwrap();
    assert!(calls.load(Ordering::Relaxed) > 5);
    let table = engine.backup(id).unwrap().files.pop().unwrap().name;
    assert!(
        table.ends_with(".sst") && table.matches('_').count() == 2,
        "{table}"
    );
}

#[test]
fn a_stopped_engine_creates_no_more() {
    let root = tempfile::tempdir().unwrap();
    let (engine, bench) = three_backups(root.path(), &EngineOptions::default());
    engine.stop();
    let error = engine.create(bench.db(), &CreateOptions::default()).unwrap_err();
    assert!(error.status().unwrap().contains("Result incomplete"), "{error}");
}
