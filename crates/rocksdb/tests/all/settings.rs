//! Databases with other settings, backed up while they are written.

use std::fs;
use std::path::Path;

use rocksdb::{DB, Options};
use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{CreateBackupOptions, RestoreOptions};

use crate::churn::{self, Wal, back_up_and_compare, while_writing};
use crate::handles::{Handle, Optimistic, TellingDb};
use crate::workload;

/// How many backups are made with each setting.
const BACKUPS: u64 = 3;

/// Settings that change what a capture meets.
const SETTINGS: [&str; 11] = [
    "recycle_log_file_num=4;wal_recovery_mode=kPointInTimeRecovery",
    "recycle_log_file_num=4;wal_recovery_mode=kPointInTimeRecovery;track_and_verify_wals=true;track_and_verify_wals_in_manifest=true",
    "track_and_verify_wals_in_manifest=true;max_manifest_file_size=2048",
    "wal_compression=kZSTD",
    "manual_wal_flush=true",
    "manual_wal_flush=true;wal_compression=kZSTD;atomic_flush=true",
    "enable_blob_files=true;min_blob_size=32;blob_file_size=65536;enable_blob_garbage_collection=true;\
     blob_garbage_collection_age_cutoff=0.9;blob_garbage_collection_force_threshold=0.1",
    "compaction_style=kCompactionStyleUniversal;max_manifest_file_size=2048",
    "unordered_write=true;WAL_ttl_seconds=3600",
    "enable_pipelined_write=true;two_write_queues=false",
    "file_checksum_gen_factory=FileChecksumGenCrc32cFactory;use_direct_io_for_flush_and_compaction=true",
];

/// Backs up a database of each kind a few times; RocksDB must open what comes back without losing a byte.
fn each_setting<H: Handle + Sync>() {
    for setting in SETTINGS {
        let root = tempfile::tempdir().unwrap();
        let handle = H::create(&churn::options(setting), &root.path().join("db"));
        let engine = churn::engine(&root.path().join("repo"));
        let target = root.path().join("restored");
        let options = CreateBackupOptions::default();
        while_writing(&handle, Wal::With, |written| {
            for _ in 0..BACKUPS {
                std::thread::sleep(std::time::Duration::from_millis(20));
                back_up_and_compare(&handle, &engine, &options, written, &target);
            }
        });
        let restore = RestoreOptions::default();
        engine
            .as_engine()
            .restore_db_from_backup(WhichBackup::Latest, &target, &restore, &Quiet)
            .unwrap();
        opens_strictly(&target, setting);
    }
}

/// Opens a restored database for writing, with RocksDB in its strictest mode.
fn opens_strictly(path: &Path, setting: &str) {
    let strict = "wal_recovery_mode=kAbsoluteConsistency;paranoid_checks=true";
    let options = churn::options(&format!("{setting};{strict}"));
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let families = names.into_iter().map(|name| (name, options.clone()));
    let db = DB::open_cf_with_opts(&options, path, families);
    drop(db.unwrap_or_else(|error| panic!("{setting}: {error}")));
}

#[test]
fn settings_of_a_database_that_lists_its_files() {
    each_setting::<TellingDb>();
}

#[test]
fn settings_of_a_database_that_does_not_list_its_files() {
    each_setting::<Optimistic>();
}

/// The WALs and some tables lie elsewhere.
fn elsewhere<H: Handle>(root: &Path) -> H {
    let [path, wal_dir, second] = ["db", "wal", "second"].map(|name| root.join(name));
    fs::create_dir(&path).unwrap();
    let mut options = churn::options("");
    options.set_wal_dir(&wal_dir);
    let paths = [&path, &second].map(|path| rocksdb::DBPath::new(path, 10_000).unwrap());
    options.set_db_paths(&paths);
    H::create(&options, &path)
}

#[test]
fn db_paths_of_a_handle_that_reports_its_files_are_found() {
    let root = tempfile::tempdir().unwrap();
    let handle: TellingDb = elsewhere(root.path());
    let second = root.path().join("second");
    while_writing(&handle, Wal::With, |written| {
        while fs::read_dir(&second).unwrap().count() < 3 {
            std::thread::yield_now();
        }
        let engine = churn::engine(&root.path().join("repo"));
        let target = root.path().join("restored");
        let options = CreateBackupOptions::default();
        let report = back_up_and_compare(&handle, &engine, &options, written, &target);
        assert!(
            report
                .warnings
                .iter()
                .any(|warning| warning.message.contains("flat")),
            "{report:?}"
        );
    });
}

#[test]
fn db_paths_of_a_handle_that_reports_no_files_must_be_given() {
    let root = tempfile::tempdir().unwrap();
    let handle: Optimistic = elsewhere(root.path());
    let second = root.path().join("second");
    while_writing(&handle, Wal::With, |written| {
        while fs::read_dir(&second).unwrap().count() < 3 {
            std::thread::yield_now();
        }
        let engine = churn::engine(&root.path().join("repo"));
        let error = engine.create_new_backup(&handle).unwrap_err();
        assert!(error.hint().unwrap().contains("db_paths"), "{error:?}");
        let before = written.last();
        let live = stonekeep_rocksdb::Live::new(&handle).with_db_paths(vec![second]);
        let options = CreateBackupOptions::default();
        engine
            .as_engine()
            .create_new_backup(&live, &options, &Quiet)
            .unwrap();
        let target = root.path().join("restored");
        let restore = RestoreOptions::default();
        engine
            .as_engine()
            .restore_db_from_backup(WhichBackup::Latest, &target, &restore, &Quiet)
            .unwrap();
        assert!(workload::check(&target, false, "two paths").last >= before);
    });
}
