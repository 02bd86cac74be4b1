//! The options of an engine and of each verb, under RocksDB's names where RocksDB has them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use stonekeep_format::backup_name::ShareFilesNaming;

use super::restore_point::RestorePoint;
use crate::WarningName;
use crate::image::include::IncludePattern;
use crate::store::LockWait;
use crate::store::local::SyncMethod;

/// The schema that new meta files are written in; see `docs/repository-format.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum MetaSchema {
    /// Every RocksDB engine since 4.13 reads it.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "1"))]
    One,
    /// Needed for excluded files and temperatures; engines from 6.20 on read it.
    #[cfg_attr(feature = "serde", serde(rename = "2"))]
    Two,
}

/// `rocksdb::BackupEngineOptions`, with the same defaults unless said otherwise.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct BackupEngineOptions {
    /// Whether tables and blobs are stored once for all backups. Default: true.
    pub share_table_files: bool,
    /// Whether shared files go to `shared_checksum/` under names that tell files of one number apart. Default: true;
    /// false (`shared/`, RocksDB's default before 6.19) can mistake one file for another and is warned of.
    pub share_files_with_checksum: bool,
    /// How files in `shared_checksum/` are named. Default: `kUseDbSessionID | kFlagIncludeFileSize`.
    pub share_files_with_checksum_naming: ShareFilesNaming,
    /// How many files are read and written at the same time. Default: chosen from the
    /// machine and the repository's disk (RocksDB's: 1).
    pub max_background_operations: Option<NonZeroUsize>,
    /// Whether everything is durable when a call returns. Default: true.
    pub sync: bool,
    /// Whether tables and blobs share their blocks with the database's files instead of being copied, where repository
    /// and database are on one file system that can do that; restores likewise. Default: true.
    pub reflink: bool,
    /// Whether backups read tables and blobs past the page cache, which is neither used nor filled then
    /// (`DBOptions::use_direct_reads`, which RocksDB's engine takes over from the database). Each worker reads 1 MiB at a
    /// time, or what `io_buffer_size_bytes` says. Where the file system refuses, reads are ordinary ones, and the report
    /// has a warning. Writes, restores and verifications use the page cache, as in RocksDB. Default: false.
    pub use_direct_reads: bool,
    /// How a restore makes its files durable; a store has its own:
    /// [`crate::store::local::LocalStore::with_sync_method`]. Default: `Auto`.
    pub sync_method: SyncMethod,
    /// Whether opening deletes all backups first. Default: false.
    pub destroy_old_data: bool,
    /// Whether WALs are backed up. Default: true.
    pub backup_log_files: bool,
    /// The schema of new meta files. Default: 1.
    pub schema_version: MetaSchema,
    /// Bytes a second while backing up; clones of the engine share the limit. Default: 0, no limit.
    pub backup_rate_limit: u64,
    /// Bytes a second while restoring. Default: 0, no limit.
    pub restore_rate_limit: u64,
    /// Bytes a second while verifying (RocksDB verifies under `backup_rate_limit`). Default: 0, no limit.
    pub verify_rate_limit: u64,
    /// How much is read or written at a time (`io_buffer_size`), `None`: 128 KiB, and 1 MiB where nothing is written, as
    /// in verifications. A copy takes no more than the store's own buffer, as
    /// [`crate::store::local::LocalStore::with_buffer_bytes`] sets it.
    pub io_buffer_size_bytes: Option<NonZeroUsize>,
    /// An observer is told of progress about this often (`callback_trigger_interval_size`). Default: 4 MiB.
    pub callback_trigger_interval_size_bytes: u64,
    /// How many of the newest valid backups a read-only engine looks at (`max_valid_backups_to_open`). Default: all.
    pub max_valid_backups_to_open: Option<usize>,
    /// What to do while another process has the writer's lock. Default: fail.
    pub lock_wait: LockWait,
    /// Who is named to other processes while this one has the lock, as in "stonekeep backup, process 812 on host".
    pub lock_holder: String,
}

impl Default for BackupEngineOptions {
    fn default() -> Self {
        BackupEngineOptions {
            share_table_files: true,
            share_files_with_checksum: true,
            share_files_with_checksum_naming: ShareFilesNaming::default(),
            max_background_operations: None,
            sync: true,
            reflink: true,
            use_direct_reads: false,
            sync_method: SyncMethod::default(),
            destroy_old_data: false,
            backup_log_files: true,
            schema_version: MetaSchema::One,
            backup_rate_limit: 0,
            restore_rate_limit: 0,
            verify_rate_limit: 0,
            io_buffer_size_bytes: None,
            callback_trigger_interval_size_bytes: 4 << 20,
            max_valid_backups_to_open: None,
            lock_wait: LockWait::Fail,
            lock_holder: format!("process {}", std::process::id()),
        }
    }
}

/// `rocksdb::CreateBackupOptions`.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct CreateBackupOptions {
    /// What the application wants to keep with the backup, at most 1 MiB (`app_metadata`).
    pub app_metadata: Vec<u8>,
    /// Whether worker threads run with less CPU priority (`decrease_background_thread_cpu_priority`).
    pub decrease_background_thread_cpu_priority: bool,
    /// Whether memtables are flushed first (`flush_before_backup`): then the backup holds WALs from the flush on only, and
    /// data that was written without WAL. For a database that this process has open; no other can be flushed.
    pub flush_before_backup: bool,
    /// Which files of the application are taken along: they are copied right after the capture, not at its moment.
    pub include: Vec<IncludePattern>,
    /// Kinds of problems that the user knows and accepts: warnings of these names are marked as accepted.
    pub accept: Vec<WarningName>,
    /// Back up although the repository holds backups of another database.
    pub allow_other_database: bool,
    /// Words of the user's to find the backup by.
    pub tags: Vec<String>,
    /// The name of this machine, kept with the backup.
    pub host: Option<String>,
}

/// `rocksdb::RestoreOptions::Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RestoreMode {
    /// Every file is written anew (`kPurgeAllFiles`).
    #[default]
    PurgeAllFiles,
    /// Tables at the target are kept if session id and size match (`kKeepLatestDbSessionIdFiles`); blobs have no session.
    KeepLatestDbSessionIdFiles,
    /// Tables and blobs at the target are kept where their checksum matches (`kVerifyChecksum`).
    VerifyChecksum,
}

/// `rocksdb::RestoreOptions`, with what safety needs besides.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct RestoreOptions {
    /// What may stay at the target.
    pub mode: RestoreMode,
    /// Whether WALs at the target stay, and those in its `archive/` move back (`keep_log_files`).
    pub keep_log_files: bool,
    /// Where WALs go; `None`: into the database's directory.
    pub wal_dir: Option<PathBuf>,
    /// Other repositories that may have files which this one's backup excluded (`alternate_dirs`).
    pub alternate_dirs: Vec<PathBuf>,
    /// Restore over a database with another database id.
    pub allow_other_database: bool,
    /// Remove the old database's files before the new ones are copied, where the disk has no room for both. The old
    /// state is gone if the restore fails.
    pub free_old_files_first: bool,
    /// Move the files that are replaced to this directory instead of removing them. It is made, or is there and empty, and is
    /// on the file system of the database; WALs of a separate `wal_dir` go to `wals` in it. Where a mode keeps files at the
    /// target, they stay there.
    pub keep_old: Option<PathBuf>,
    /// Leave the `wal_dir` in restored OPTIONS files as the backup has it. Otherwise the directory that the WALs are restored
    /// into is put there where another one stands, and the report names the file. Opened with the `wal_dir` of the database
    /// that the backup was made of, the copy would replay that database's WALs, and remove them and its tables.
    pub keep_wal_dir: bool,
    /// Restore a damaged backup without what is damaged, into a directory without a database. The report says what is left out
    /// ([`Salvage`](crate::engine::restore::Salvage)).
    pub best_effort: bool,
    /// Restore this point behind a base of a stream instead of a backup. The backup that is named is the base then; otherwise it is chosen.
    pub point: Option<RestorePoint>,
}

macro_rules! with {
    ($options:ident: $($(#[$doc:meta])* $setter:ident($field:ident: $type:ty)),* $(,)?) => {
        impl $options {
            $($(#[$doc])*
            #[must_use]
            pub fn $setter(mut self, $field: $type) -> Self {
                self.$field = $field.into();
                self
            })*
        }
    };
}

pub(super) use with;

with!(BackupEngineOptions:
    /// Sets [`Self::share_table_files`].
    with_share_table_files(share_table_files: bool),
    /// Sets [`Self::share_files_with_checksum`].
    with_share_files_with_checksum(share_files_with_checksum: bool),
    /// Sets [`Self::share_files_with_checksum_naming`].
    with_share_files_with_checksum_naming(share_files_with_checksum_naming: impl Into<ShareFilesNaming>),
    /// Sets [`Self::max_background_operations`].
    with_max_background_operations(max_background_operations: impl Into<Option<NonZeroUsize>>),
    /// Sets [`Self::sync`].
    with_sync(sync: bool),
    /// Sets [`Self::reflink`].
    with_reflink(reflink: bool),
    /// Sets [`Self::use_direct_reads`].
    with_use_direct_reads(use_direct_reads: bool),
    /// Sets [`Self::sync_method`].
    with_sync_method(sync_method: SyncMethod),
    /// Sets [`Self::destroy_old_data`].
    with_destroy_old_data(destroy_old_data: bool),
    /// Sets [`Self::backup_log_files`].
    with_backup_log_files(backup_log_files: bool),
    /// Sets [`Self::schema_version`].
    with_schema_version(schema_version: MetaSchema),
    /// Sets [`Self::backup_rate_limit`].
    with_backup_rate_limit(backup_rate_limit: u64),
    /// Sets [`Self::restore_rate_limit`].
    with_restore_rate_limit(restore_rate_limit: u64),
    /// Sets [`Self::verify_rate_limit`].
    with_verify_rate_limit(verify_rate_limit: u64),
    /// Sets [`Self::io_buffer_size_bytes`].
    with_io_buffer_size_bytes(io_buffer_size_bytes: impl Into<Option<NonZeroUsize>>),
    /// Sets [`Self::callback_trigger_interval_size_bytes`].
    with_callback_trigger_interval_size_bytes(callback_trigger_interval_size_bytes: u64),
    /// Sets [`Self::max_valid_backups_to_open`].
    with_max_valid_backups_to_open(max_valid_backups_to_open: impl Into<Option<usize>>),
    /// Sets [`Self::lock_wait`].
    with_lock_wait(lock_wait: LockWait),
    /// Sets [`Self::lock_holder`].
    with_lock_holder(lock_holder: impl Into<String>),
);

with!(CreateBackupOptions:
    /// Sets [`Self::app_metadata`].
    with_app_metadata(app_metadata: impl Into<Vec<u8>>),
    /// Sets [`Self::decrease_background_thread_cpu_priority`].
    with_decrease_background_thread_cpu_priority(decrease_background_thread_cpu_priority: bool),
    /// Sets [`Self::flush_before_backup`].
    with_flush_before_backup(flush_before_backup: bool),
    /// Sets [`Self::include`].
    with_include(include: impl Into<Vec<IncludePattern>>),
    /// Sets [`Self::accept`].
    with_accept(accept: impl Into<Vec<WarningName>>),
    /// Sets [`Self::allow_other_database`].
    with_allow_other_database(allow_other_database: bool),
    /// Sets [`Self::tags`].
    with_tags(tags: impl Into<Vec<String>>),
    /// Sets [`Self::host`].
    with_host(host: impl Into<Option<String>>),
);

with!(RestoreOptions:
    /// Sets [`Self::mode`].
    with_mode(mode: impl Into<RestoreMode>),
    /// Sets [`Self::keep_log_files`].
    with_keep_log_files(keep_log_files: bool),
    /// Sets [`Self::wal_dir`].
    with_wal_dir(wal_dir: impl Into<Option<PathBuf>>),
    /// Sets [`Self::alternate_dirs`].
    with_alternate_dirs(alternate_dirs: impl Into<Vec<PathBuf>>),
    /// Sets [`Self::allow_other_database`].
    with_allow_other_database(allow_other_database: bool),
    /// Sets [`Self::free_old_files_first`].
    with_free_old_files_first(free_old_files_first: bool),
    /// Sets [`Self::keep_old`].
    with_keep_old(keep_old: impl Into<Option<PathBuf>>),
    /// Sets [`Self::keep_wal_dir`].
    with_keep_wal_dir(keep_wal_dir: bool),
    /// Sets [`Self::best_effort`].
    with_best_effort(best_effort: bool),
    /// Sets [`Self::point`].
    with_point(point: impl Into<Option<RestorePoint>>),
);

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn options_come_from_a_configuration_file_with_defaults_for_the_rest() {
        let text = r#"{"sync": false, "backup_rate_limit": 1000, "schema_version": "2", "lock_wait": {"at_most": {"secs": 60, "nanos": 0}}}"#;
        let options: BackupEngineOptions = serde_json::from_str(text).unwrap();
        assert_eq!((options.sync, options.backup_rate_limit), (false, 1000));
        assert_eq!(options.schema_version, MetaSchema::Two);
        assert_eq!(
            options.lock_wait,
            LockWait::AtMost(std::time::Duration::from_secs(60))
        );
        assert!(options.share_table_files);
        let options: CreateBackupOptions =
            serde_json::from_str(r#"{"include": ["logs/*"], "accept": ["unknown-files"]}"#).unwrap();
        assert_eq!(options.accept, [WarningName::UnknownFiles]);
        let again = serde_json::to_string(&options).unwrap();
        assert!(again.contains(r#""include":["logs/*"]"#), "{again}");
        let refused = serde_json::from_str::<CreateBackupOptions>(r#"{"include": ["/etc"]}"#);
        assert!(refused.unwrap_err().to_string().contains("relative"));
    }
}
