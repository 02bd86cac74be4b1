//! A backup engine for RocksDB databases, in the directory format of RocksDB's own `BackupEngine`.
//!
//! The floors, each of which knows only those below it: [`engine`] (the verbs), [`repo`] (RocksDB's directory
//! layout over a store), [`image`] (what to back up) beside [`store`] (where bytes go), and the crate
//! `stonekeep_format` at the bottom. The library is silent and synchronous: progress goes to an [`Observer`],
//! diagnosis to `tracing`, time comes from a [`Clock`].
//!
//! # Example
//! `database` is a directory that no process has open, or a checkpoint; `repo` and `target` are made if
//! they are not there.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let [database, repo, target] = ["db", "repo", "restored"].map(|name| directory.path().join(name));
//! # stonekeep_testkit::database::DatabaseBuilder::new().create(&database).add_tables(2, 10_000);
//! use stonekeep::Quiet;
//! use stonekeep::engine::info::{InfoDetail, WhichBackup};
//! use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
//! use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions, RestoreOptions};
//! use stonekeep::image::auto::{Directory, SourceKind};
//! use stonekeep::store::Store;
//! use stonekeep::store::local::LocalStore;
//!
//! let engine = BackupEngine::open(BackupEngineOptions::default(), Store::from(LocalStore::new(repo)))?;
//! let source = Directory::new(database, SourceKind::Auto);
//! let backup = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
//! println!("backup {} at sequence number {}", backup.backup_id, backup.sequence_number);
//! let report = engine.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
//! assert!(report.findings.is_empty());
//! for info in engine.get_all_backup_info(InfoDetail::Sizes)?.backups {
//!     println!("{}: {:?}, {:?} bytes", info.id, info.state, info.size_bytes);
//! }
//! engine.restore_db_from_backup(WhichBackup::LatestValid, &target, &RestoreOptions::default(), &Quiet)?;
//! # assert!(target.join("CURRENT").is_file());
//! # Ok(())
//! # }
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!(
    "stonekeep builds for Linux only: its locks, its renames and what it says about durability are those of Linux. \
     The parsers alone, the crate stonekeep-format, build everywhere."
);

mod clock;
mod directory_names;
mod disk;
pub mod engine;
mod error;
pub mod image;
mod in_short;
mod key;
mod observer;
mod parallel;
pub mod repo;
mod shortage;
pub mod store;
mod target;
mod warning;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind, Finding, IoContext, Result};
pub use key::Key;
pub use observer::{Observer, Phase, Progress, Quiet, StopSwitch};
pub use stonekeep_format as format;
pub use warning::{Warning, WarningName};
