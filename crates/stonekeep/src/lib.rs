//! A backup engine for RocksDB databases, in the directory format of RocksDB's own `BackupEngine`.
//!
//! The modules, each of which knows only those below it: [`engine`] (the verbs), [`image`] (what to back up) beside
//! [`store`] (where bytes go), and [`mod@format`] at the bottom. What a first program needs is at the root of the crate. The
//! library prints nothing, reads no environment and blocks: progress goes to an [`Observer`], diagnosis to `tracing`, time
//! comes from a [`Clock`].
//!
//! # Example
//! `database` is a directory that no process has open, or a checkpoint; `repo` and `target` are created if they do not exist.
//!
//! ```
//! use stonekeep::{BackupEngine, BackupEngineOptions, CreateBackupOptions, Directory, LocalStore, Quiet, RestoreOptions};
//! use stonekeep::{InfoDetail, SourceKind, VerifyLevel, VerifyWhat, WhichBackup};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let [database, repo, target] = ["db", "repo", "restored"].map(|name| directory.path().join(name));
//! # stonekeep_testkit::database::DatabaseBuilder::new().create(&database).add_tables(2, 10_000);
//! let engine = BackupEngine::open(BackupEngineOptions::default(), LocalStore::new(repo))?;
//! let source = Directory::new(database, SourceKind::Auto);
//! let backup = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)?;
//! println!("backup {} at sequence number {}", backup.backup_id, backup.sequence_number);
//! let report = engine.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
//! assert!(report.is_clean());
//! for info in engine.get_all_backup_info(InfoDetail::Sizes)?.backups {
//!     println!("{}: {}, {:?} bytes", info.id, info.state.name(), info.size_bytes);
//! }
//! engine.restore_db_from_backup(WhichBackup::LatestValid, &target, &RestoreOptions::default(), &Quiet)?;
//! # assert!(target.join("CURRENT").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `hdfs`: repositories in HDFS (`store::hdfs`). The crate `hdfs-native`, which it uses, reads Hadoop's
//!   environment variables.
//! - `object-store`: repositories in object stores (`store::remote`).
//! - `serde`: reports implement `Serialize`, options also `Deserialize`.
//! - `probes`: internals for the tests of this repository. Not covered by any promise.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "stonekeep builds for Linux only: its locks, renames and syncs are those of Linux. \
     The parsers alone, the crate stonekeep-format, build everywhere."
);

mod buffers;
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
#[cfg(feature = "serde")]
mod path_text;
#[cfg(feature = "probes")]
#[doc(hidden)]
pub mod repo;
#[cfg(not(feature = "probes"))]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "public for tests, with the feature `probes`"
)]
mod repo;
mod shortage;
pub mod store;
mod sync;
mod target;
mod warning;
mod whole_text;

pub use clock::{Clock, SystemClock};
pub use engine::collect::{CollectReport, PurgeOptions};
pub use engine::create::CreateReport;
pub use engine::in_place::InPlaceReport;
pub use engine::info::{BackupDiff, BackupInfo, BackupState, InfoDetail, RepositoryInfo, WhichBackup};
pub use engine::restore::RestoreReport;
pub use engine::verify::{Sample, VerifyLevel, VerifyOptions, VerifyReport, VerifyWhat};
pub use engine::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, Components, CreateBackupOptions, MetaSchema,
    RateLimiter, RestoreMode, RestoreOptions,
};
pub use error::{Error, ErrorKind, Finding, IoContext, Result};
pub use image::{Directory, ImageSource, SourceKind};
pub use key::Key;
pub use observer::{Observer, Phase, Progress, Quiet, StopSwitch};
pub use stonekeep_format as format;
pub use stonekeep_format::BackupId;
pub use store::Store;
pub use store::local::LocalStore;
pub use warning::{Warning, WarningName};
