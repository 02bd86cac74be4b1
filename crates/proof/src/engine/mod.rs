//! RocksDB's own `BackupEngine`, in safe Rust.

mod handle;
mod info;
mod options;
pub(crate) mod shim;

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;

use rocksdb::{AsRawPtr, DB};

pub use self::handle::RocksBackupEngine;
pub use self::info::{BackupFile, BackupInfo};
pub use self::options::{
    CreateOptions, Decision, EngineOptions, Naming, RestoreMode, RestoreOptions, VerifyLevel,
};
use crate::{ProofError, Result};

impl RocksBackupEngine {
    /// Opens `dir` for reading and writing, creating what is missing.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn open(dir: &Path, options: &EngineOptions) -> Result<Self> {
        open(dir, options, false)
    }

    /// Opens `dir` for reading.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn open_read_only(dir: &Path, options: &EngineOptions) -> Result<Self> {
        open(dir, options, true)
    }

    /// `CreateNewBackupWithMetadata`; returns the new id.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn create(&self, db: &DB, options: &CreateOptions<'_>) -> Result<u32> {
        let mut callbacks = *options;
        let raw_options = shim::CreateOptions {
            flush_before_backup: options.flush_before_backup,
            app_metadata: options.app_metadata.as_ptr().cast(),
            app_metadata_size: options.app_metadata.len(),
            context: (&raw mut callbacks).cast(),
            exclude: options.exclude.is_some().then_some(exclude as shim::ExcludeFn),
            progress: options.progress.is_some().then_some(progress as shim::ProgressFn),
        };
        let mut id = 0;
        // SAFETY: engine and database are open, and everything pointed to outlives the call.
        checked("create a backup", unsafe {
            shim::sk_engine_create(self.raw, db.as_raw_ptr(), &raw const raw_options, &raw mut id)
        })?;
        Ok(id)
    }

    /// `StopBackup`, from another thread.
    pub fn stop(&self) {
        // SAFETY: the engine is open.
        unsafe { shim::sk_engine_stop(self.raw) };
    }

    /// `GetBackupInfo` of all backups that are not corrupt, with file details, by id.
    pub fn backups(&self) -> Vec<BackupInfo> {
        let mut found = info::Collector::default();
        // SAFETY: the engine is open, and the collector outlives the call.
        unsafe { shim::sk_engine_backups(self.raw, found.context(), info::on_backup, info::on_file) };
        found.finish()
    }

    /// `GetBackupInfo` of one backup, with file details.
    ///
    /// # Errors
    /// RocksDB's status: NotFound, or Corruption for one that is corrupt.
    pub fn backup(&self, id: u32) -> Result<BackupInfo> {
        let mut found = info::Collector::default();
        // SAFETY: the engine is open, and the collector outlives the call.
        checked(&format!("describe backup {id}"), unsafe {
            shim::sk_engine_backup(self.raw, id, found.context(), info::on_backup, info::on_file)
        })?;
        found
            .finish()
            .pop()
            .ok_or_else(|| failure("describe a backup", "it gave none".to_owned()))
    }

    /// `GetCorruptedBackups`.
    pub fn corrupted(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::new();
        // SAFETY: the engine is open, and the vector outlives the call.
        unsafe { shim::sk_engine_corrupted(self.raw, (&raw mut ids).cast(), info::on_id) };
        ids
    }

    /// `VerifyBackup`.
    ///
    /// # Errors
    /// RocksDB's status, with the first finding.
    pub fn verify(&self, id: u32, level: VerifyLevel) -> Result<()> {
        // SAFETY: the engine is open.
        checked(&format!("verify backup {id}"), unsafe {
            shim::sk_engine_verify(self.raw, id, level == VerifyLevel::Checksums)
        })
    }

    /// `DeleteBackup`.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn delete(&self, id: u32) -> Result<()> {
        // SAFETY: the engine is open.
        checked(&format!("delete backup {id}"), unsafe {
            shim::sk_engine_delete(self.raw, id)
        })
    }

    /// `PurgeOldBackups`: the `keep` newest stay.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn purge(&self, keep: u32) -> Result<()> {
        // SAFETY: the engine is open.
        checked("purge old backups", unsafe {
            shim::sk_engine_purge(self.raw, keep)
        })
    }

    /// `GarbageCollect`.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn collect_garbage(&self) -> Result<()> {
        // SAFETY: the engine is open.
        checked("collect garbage", unsafe {
            shim::sk_engine_collect_garbage(self.raw)
        })
    }

    /// `RestoreDBFromBackup`.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn restore(
        &self,
        id: u32,
        db_dir: &Path,
        wal_dir: &Path,
        options: &RestoreOptions<'_>,
    ) -> Result<()> {
        self.restore_some(id, db_dir, wal_dir, options)
    }

    /// `RestoreDBFromLatestBackup`.
    ///
    /// # Errors
    /// RocksDB's status.
    pub fn restore_latest(&self, db_dir: &Path, wal_dir: &Path, options: &RestoreOptions<'_>) -> Result<()> {
        const LATEST: u32 = 0;
        self.restore_some(LATEST, db_dir, wal_dir, options)
    }

    fn restore_some(
        &self,
        id: u32,
        db_dir: &Path,
        wal_dir: &Path,
        options: &RestoreOptions<'_>,
    ) -> Result<()> {
        let (db_dir, wal_dir) = (c_path(db_dir)?, c_path(wal_dir)?);
        let alternates: Vec<_> = options.alternate_dirs.iter().map(|engine| engine.raw).collect();
        // SAFETY: all engines are open, and strings and list outlive the call.
        checked(&format!("restore backup {id}"), unsafe {
            shim::sk_engine_restore(
                self.raw,
                id,
                db_dir.as_ptr(),
                wal_dir.as_ptr(),
                options.keep_log_files,
                options.mode.bits(),
                alternates.as_ptr(),
                alternates.len(),
            )
        })
    }
}

fn open(dir: &Path, options: &EngineOptions, read_only: bool) -> Result<RocksBackupEngine> {
    let backup_dir = c_path(dir)?;
    let raw_options = shim::EngineOptions {
        backup_dir: backup_dir.as_ptr(),
        share_table_files: options.share_table_files,
        share_files_with_checksum: options.share_files_with_checksum,
        sync: options.sync,
        destroy_old_data: options.destroy_old_data,
        backup_log_files: options.backup_log_files,
        current_temperatures_override_manifest: options.current_temperatures_override_manifest,
        naming: options.share_files_with_checksum_naming.bits(),
        schema_version: options.schema_version,
        max_background_operations: options.max_background_operations,
        max_valid_backups_to_open: options.max_valid_backups_to_open,
        callback_trigger_interval_size: options.callback_trigger_interval_size,
        backup_rate_limit: options.backup_rate_limit,
        restore_rate_limit: options.restore_rate_limit,
    };
    let mut raw = ptr::null_mut();
    // SAFETY: options and path outlive the call, and `raw` is set whenever there is no message.
    checked(&format!("open {}", dir.display()), unsafe {
        shim::sk_engine_open(&raw const raw_options, read_only, &raw mut raw)
    })?;
    Ok(RocksBackupEngine { raw })
}

extern "C" fn exclude(context: *mut c_void, relative_file: *const c_char) -> i32 {
    // SAFETY: the context is the `CreateOptions` that `create` keeps alive.
    let options = unsafe { &*context.cast::<CreateOptions<'_>>() };
    // SAFETY: the name is a NUL-terminated string that lives during the call.
    let name = unsafe { CStr::from_ptr(relative_file) }.to_string_lossy();
    match options.exclude.map(|decide| decide(&name)) {
        None | Some(Decision::Include) => 0,
        Some(Decision::Exclude) => 1,
        Some(Decision::Fail) => -1,
    }
}

extern "C" fn progress(context: *mut c_void) {
    // SAFETY: the context is the `CreateOptions` that `create` keeps alive.
    let options = unsafe { &*context.cast::<CreateOptions<'_>>() };
    if let Some(report) = options.progress {
        report();
    }
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_encoded_bytes())
        .map_err(|_| failure("use a path", format!("{} holds a NUL", path.display())))
}

fn checked(action: &str, message: *mut c_char) -> Result<()> {
    // SAFETY: every caller passes on what a function of the shim has just returned.
    unsafe { shim::take_message(message) }.map_err(|status| failure(action, status))
}

fn failure(action: &str, status: String) -> ProofError {
    ProofError::Engine {
        action: action.to_owned(),
        status,
    }
}
