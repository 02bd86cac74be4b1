//! Tables that RocksDB deletes slowly, piece by piece, while they are copied (`SstFileManager`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use librocksdb_sys as ffi;
use rocksdb::{AsRawPtr, Options};
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Observer, Phase, Progress, Quiet};
use stonekeep_rocksdb::BackupEngine;

use crate::churn::Wal;
use crate::handles::TellingDb;
use crate::meddled::Meddled;

/// More than the piece that is cut off at a time: 64 MiB (`NewSstFileManager`, `include/rocksdb/sst_file_manager.h`).
const TABLE_BYTES: u64 = 90 << 20;

/// The size of a value.
const VALUE_BYTES: usize = 1 << 20;

/// So slow that the second piece is not cut off for a minute.
const BYTES_A_SECOND: i64 = 1 << 20;

/// Lets RocksDB delete slowly. The options keep the manager alive.
fn delete_slowly(options: &mut Options) {
    // SAFETY: each object is made here, used while it is there, and destroyed once; the options share the manager.
    unsafe {
        let env = ffi::rocksdb_create_default_env();
        let manager = ffi::rocksdb_sst_file_manager_create(env);
        ffi::rocksdb_sst_file_manager_set_delete_rate_bytes_per_second(manager, BYTES_A_SECOND);
        ffi::rocksdb_sst_file_manager_set_max_trash_db_ratio(manager, 1000.0);
        ffi::rocksdb_options_set_sst_file_manager(options.as_raw_ptr(), manager);
        ffi::rocksdb_sst_file_manager_destroy(manager);
        ffi::rocksdb_env_destroy(env);
    }
}

/// Deletes the large table as soon as it is to be copied, and waits until it has lost its first piece.
struct Deleting<'a> {
    db: &'a TellingDb,
    table: PathBuf,
    done: AtomicBool,
}

impl Observer for Deleting<'_> {
    fn progressed(&self, progress: &Progress) {
        if progress.phase != Phase::Copying || self.done.swap(true, Ordering::SeqCst) {
            return;
        }
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
        let trash = self.table.with_extension("sst.trash");
        let begin = Instant::now();
        while !fs::metadata(&trash).is_ok_and(|metadata| metadata.len() < TABLE_BYTES) {
            assert!(begin.elapsed() < Duration::from_secs(30), "nothing was deleted");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The one table in a directory.
fn table(directory: &Path) -> PathBuf {
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut tables = paths.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    let table = tables.next().unwrap();
    assert_eq!(tables.next(), None);
    table
}

/// Deletes all keys that begin with a zero.
fn delete_all(db: &TellingDb) {
    let default = db.cf_handle("default").unwrap();
    db.delete_range_cf(&default, &[0u8][..], &[1u8][..]).unwrap();
}

/// A database with one large table, which is of no use any more.
fn database(path: &Path) -> TellingDb {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(rocksdb::DBCompressionType::None);
    options.set_disable_auto_compactions(true);
    options.set_write_buffer_size(4 * TABLE_BYTES as usize);
    delete_slowly(&mut options);
    let db = TellingDb::open_cf_with_opts(&options, path, [("default", options.clone())]).unwrap();
    let value = vec![b'x'; VALUE_BYTES];
    for n in 0..=TABLE_BYTES / VALUE_BYTES as u64 {
        // A large WAL would be deleted slowly before the table.
        let without_wal = Wal::Without.write_options();
        db.put_opt(n.to_be_bytes(), &value, &without_wal).unwrap();
    }
    db.flush().unwrap();
    delete_all(&db);
    db.put(b"kept", b"value").unwrap();
    db
}

/// Backs up while the table is deleted; gives how often RocksDB was asked for its files.
fn back_up(options: BackupEngineOptions) -> u32 {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("db");
    let db = database(&path);
    let meddled = Meddled::new(&db, |_, answer| Ok(answer));
    let observer = Deleting {
        db: &db,
        table: table(&path),
        done: AtomicBool::new(false),
    };
    let store = Store::from(LocalStore::new(root.path().join("repo")));
    let engine = BackupEngine::open(options.with_sync(false), store).unwrap();
    let backup = CreateBackupOptions::default();
    engine
        .create_new_backup_with(&meddled, &backup, &observer)
        .unwrap();
    let target = root.path().join("restored");
    let restore = RestoreOptions::default();
    engine
        .as_engine()
        .restore_db_from_backup(WhichBackup::Latest, &target, &restore, &Quiet)
        .unwrap();
    let restored = TellingDb::open_default(&target).unwrap();
    assert_eq!(restored.iterator(rocksdb::IteratorMode::Start).count(), 1);
    meddled.answers()
}

#[test]
fn a_table_that_became_shorter_means_a_new_capture() {
    // Without sharing nothing is copied before the image is whole. Each of two captures asks twice.
    assert_eq!(
        back_up(BackupEngineOptions::default().with_share_table_files(false)),
        4
    );
}

#[test]
fn a_table_that_became_shorter_while_it_was_copied_early_means_another_look() {
    assert_eq!(back_up(BackupEngineOptions::default()), 3);
}
