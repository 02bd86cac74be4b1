//! Backups of a RocksDB database by the process that has it open, for users of the `rocksdb` crate.
//!
//! # Backing up
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let [path, repository] = ["db", "backups"].map(|name| directory.path().join(name));
//! use rocksdb::DB;
//! use stonekeep::{BackupEngineOptions, InfoDetail, LocalStore, Quiet, VerifyLevel};
//! use stonekeep_rocksdb::BackupEngine;
//!
//! let db = DB::open_default(path)?;
//! let store = LocalStore::new(repository);
//! let engine = BackupEngine::open(BackupEngineOptions::default(), store)?;
//! db.put(b"first", b"one")?;
//! let first = engine.create_new_backup(&db)?;
//! db.put(b"second", b"two")?;
//! let second = engine.create_new_backup(&db)?;
//!
//! for backup in engine.as_engine().get_all_backup_info(InfoDetail::Sizes)?.backups {
//!     println!("{}: {:?}, {:?} bytes", backup.id, backup.state, backup.size_bytes);
//! }
//! for backup in [first, second] {
//!     let report = engine.as_engine().verify_backups(backup.backup_id, VerifyLevel::Checksum, &Quiet)?;
//!     assert!(report.findings.is_empty());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Restoring
//! In another process, or when the database is closed. Whoever restores needs the crate `stonekeep` alone.
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let [path, repository] = ["db", "backups"].map(|name| directory.path().join(name));
//! # let store = LocalStore::new(&repository);
//! # let engine = stonekeep_rocksdb::BackupEngine::open(BackupEngineOptions::default(), store)?;
//! # let db = rocksdb::DB::open_default(&path)?;
//! # for key in [b"first ", b"second"] {
//! #     db.put(key, b"value")?;
//! #     engine.create_new_backup(&db)?;
//! # }
//! # drop(db);
//! use stonekeep::Quiet;
//! use stonekeep::engine::info::WhichBackup;
//! use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly, RestoreOptions};
//! use stonekeep::format::BackupId;
//! use stonekeep::store::local::LocalStore;
//!
//! let store = LocalStore::new(repository);
//! let engine = BackupEngineReadOnly::open(BackupEngineOptions::default(), store)?;
//! let first = WhichBackup::Id(BackupId::FIRST);
//! engine.restore_db_from_backup(first, &path, &RestoreOptions::default(), &Quiet)?;
//! # let db = rocksdb::DB::open_default(&path)?;
//! # assert_eq!(db.iterator(rocksdb::IteratorMode::Start).count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is in a backup
//! A backup contains every write that was acknowledged before the call, and perhaps some that came during it. All column
//! families end at the same write. WAL buffers are flushed first (`manual_wal_flush`). Writes without WAL are in the backup
//! only if memtables are flushed as well: [`CreateBackupOptions::flush_before_backup`]. With that option the backup has no WAL
//! that is older than the flush. The database may be written meanwhile, and column families may be created and dropped.
//!
//! # Which handles
//! [`BackupEngine::create_new_backup`] takes each [`LiveDatabase`]:
//!
//! | handle | captured |
//! |---|---|
//! | [`rocksdb::DB`] | by RocksDB's own list of its files, while file deletions are disabled: [`stonekeep::image::handle`] |
//! | `DBWithThreadMode` of the other thread mode, `TransactionDB`, `OptimisticTransactionDB` | by its directory, after a flush of its WAL buffers: [`stonekeep::image::hot`] |
//! | of another binding | as that one can: see [`LiveDatabase`] |
//!
//! The `rocksdb` crate shows RocksDB's pointer for `DB` alone, which is the type of many threads with its feature
//! `multi-threaded-cf` and that of one thread without it. For a database with `db_paths` behind one of the other handles, say
//! where they are: [`Live::with_db_paths`].
//!
//! # Features
//! - `rocksdb` (default): the handles of the `rocksdb` crate. Without it nothing here links C++, which lets another binding
//!   of RocksDB into the program.
//! - `bindgen-runtime` (default), `multi-threaded-cf`: those of the `rocksdb` crate.
//!
//! [`CreateBackupOptions::flush_before_backup`]: stonekeep::engine::CreateBackupOptions::flush_before_backup

#[cfg(feature = "rocksdb")]
mod binding;
mod database;
mod engine;
mod live;

pub use database::LiveDatabase;
pub use engine::BackupEngine;
pub use live::Live;
pub use stonekeep::image::handle::{LiveFile, LiveFiles, Memtables};
