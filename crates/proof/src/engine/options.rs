//! The options of RocksDB's backup engine, with RocksDB's defaults.

/// `BackupEngineOptions::ShareFilesNaming` (include/rocksdb/utilities/backup_engine.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `kUseDbSessionId | kFlagIncludeFileSize`, the default.
    SessionIdAndSize,
    /// `kUseDbSessionId`.
    SessionId,
    /// `kLegacyCrc32cAndFileSize`.
    LegacyCrc32cAndSize,
}

impl Naming {
    pub(super) fn bits(self) -> u32 {
        const USE_DB_SESSION_ID: u32 = 2;
        const FLAG_INCLUDE_FILE_SIZE: u32 = 1 << 31;
        match self {
            Self::SessionIdAndSize => USE_DB_SESSION_ID | FLAG_INCLUDE_FILE_SIZE,
            Self::SessionId => USE_DB_SESSION_ID,
            Self::LegacyCrc32cAndSize => 1,
        }
    }
}

/// `BackupEngineOptions`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are RocksDB's, as are the meanings")]
pub struct EngineOptions {
    pub share_table_files: bool,
    pub share_files_with_checksum: bool,
    pub sync: bool,
    pub destroy_old_data: bool,
    pub backup_log_files: bool,
    pub current_temperatures_override_manifest: bool,
    pub share_files_with_checksum_naming: Naming,
    pub schema_version: i32,
    pub max_background_operations: i32,
    pub max_valid_backups_to_open: i32,
    /// Bytes.
    pub callback_trigger_interval_size: u64,
    /// Bytes a second, 0 for none.
    pub backup_rate_limit: u64,
    /// Bytes a second, 0 for none.
    pub restore_rate_limit: u64,
}

impl Default for EngineOptions {
    /// RocksDB's defaults, but for `sync`, which tests can do without.
    fn default() -> Self {
        Self {
            share_table_files: true,
            share_files_with_checksum: true,
            sync: false,
            destroy_old_data: false,
            backup_log_files: true,
            current_temperatures_override_manifest: false,
            share_files_with_checksum_naming: Naming::SessionIdAndSize,
            schema_version: 1,
            max_background_operations: 1,
            max_valid_backups_to_open: i32::MAX,
            callback_trigger_interval_size: 4 * 1024 * 1024,
            backup_rate_limit: 0,
            restore_rate_limit: 0,
        }
    }
}

/// What an exclude callback says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The file goes into the backup.
    Include,
    /// The file is left out.
    Exclude,
    /// The callback fails, as if it had thrown.
    Fail,
}

/// `CreateBackupOptions`.
#[derive(Clone, Copy, Default)]
pub struct CreateOptions<'a> {
    /// `flush_before_backup`.
    pub flush_before_backup: bool,
    /// The bytes that go along with the backup.
    pub app_metadata: &'a [u8],
    /// `exclude_files_callback`, asked file by file with the name relative to the backup directory.
    pub exclude: Option<&'a dyn Fn(&str) -> Decision>,
    /// `progress_callback`; RocksDB calls it from its copying threads.
    pub progress: Option<&'a (dyn Fn() + Sync)>,
}

/// How much `VerifyBackup` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyLevel {
    /// That each file exists and has its size.
    Sizes,
    /// `verify_with_checksum`: every byte.
    Checksums,
}

/// `RestoreOptions::Mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreMode {
    /// `kPurgeAllFiles`.
    #[default]
    PurgeAllFiles,
    /// `kKeepLatestDbSessionIdFiles`.
    KeepLatestDbSessionIdFiles,
    /// `kVerifyChecksum`.
    VerifyChecksum,
}

impl RestoreMode {
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::KeepLatestDbSessionIdFiles => 1,
            Self::VerifyChecksum => 2,
            Self::PurgeAllFiles => 0xffff,
        }
    }
}

/// `RestoreOptions`.
#[derive(Clone, Copy, Default)]
pub struct RestoreOptions<'a> {
    /// `keep_log_files`.
    pub keep_log_files: bool,
    /// `mode`.
    pub mode: RestoreMode,
    /// `alternate_dirs`: where excluded files may be found.
    pub alternate_dirs: &'a [&'a super::handle::RocksBackupEngine],
}
