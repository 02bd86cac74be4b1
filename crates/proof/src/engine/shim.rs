//! Declares the functions of shim/shim.cc. Change both together.

use std::ffi::{CStr, c_char, c_void};

/// RocksDB's engine, owned by C++.
#[repr(C)]
pub(super) struct Engine {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct EngineOptions {
    pub(super) backup_dir: *const c_char,
    pub(super) share_table_files: bool,
    pub(super) share_files_with_checksum: bool,
    pub(super) sync: bool,
    pub(super) destroy_old_data: bool,
    pub(super) backup_log_files: bool,
    pub(super) current_temperatures_override_manifest: bool,
    pub(super) naming: u32,
    pub(super) schema_version: i32,
    pub(super) max_background_operations: i32,
    pub(super) max_valid_backups_to_open: i32,
    pub(super) callback_trigger_interval_size: u64,
    pub(super) backup_rate_limit: u64,
    pub(super) restore_rate_limit: u64,
}

pub(super) type ExcludeFn = extern "C" fn(*mut c_void, *const c_char) -> i32;
pub(super) type ProgressFn = extern "C" fn(*mut c_void);

#[repr(C)]
pub(super) struct CreateOptions {
    pub(super) flush_before_backup: bool,
    pub(super) app_metadata: *const c_char,
    pub(super) app_metadata_size: usize,
    pub(super) context: *mut c_void,
    pub(super) exclude: Option<ExcludeFn>,
    pub(super) progress: Option<ProgressFn>,
}

#[repr(C)]
pub(super) struct Backup {
    pub(super) id: u32,
    pub(super) timestamp: i64,
    pub(super) size: u64,
    pub(super) number_files: u32,
    pub(super) app_metadata: *const c_char,
    pub(super) app_metadata_size: usize,
}

#[repr(C)]
pub(super) struct File {
    pub(super) backup_id: u32,
    pub(super) relative_filename: *const c_char,
    pub(super) size: u64,
    pub(super) excluded: bool,
}

pub(super) type BackupFn = extern "C" fn(*mut c_void, *const Backup);
pub(super) type FileFn = extern "C" fn(*mut c_void, *const File);
pub(super) type IdFn = extern "C" fn(*mut c_void, u32);

unsafe extern "C" {
    fn sk_message_free(text: *mut c_char);
    pub(super) fn sk_engine_open(
        options: *const EngineOptions,
        read_only: bool,
        out: *mut *mut Engine,
    ) -> *mut c_char;
    pub(super) fn sk_engine_close(engine: *mut Engine);
    pub(super) fn sk_engine_create(
        engine: *mut Engine,
        db: *mut librocksdb_sys::rocksdb_t,
        options: *const CreateOptions,
        out_id: *mut u32,
    ) -> *mut c_char;
    pub(super) fn sk_engine_stop(engine: *mut Engine);
    pub(super) fn sk_engine_backups(
        engine: *const Engine,
        context: *mut c_void,
        on_backup: BackupFn,
        on_file: FileFn,
    );
    pub(super) fn sk_engine_backup(
        engine: *const Engine,
        id: u32,
        context: *mut c_void,
        on_backup: BackupFn,
        on_file: FileFn,
    ) -> *mut c_char;
    pub(super) fn sk_engine_corrupted(engine: *const Engine, context: *mut c_void, on_id: IdFn);
    pub(super) fn sk_engine_verify(engine: *const Engine, id: u32, verify_with_checksum: bool)
    -> *mut c_char;
    pub(super) fn sk_engine_delete(engine: *mut Engine, id: u32) -> *mut c_char;
    pub(super) fn sk_engine_purge(engine: *mut Engine, keep: u32) -> *mut c_char;
    pub(super) fn sk_engine_collect_garbage(engine: *mut Engine) -> *mut c_char;
    pub(super) fn sk_engine_restore(
        engine: *const Engine,
        id: u32,
        db_dir: *const c_char,
        wal_dir: *const c_char,
        keep_log_files: bool,
        mode: u32,
        alternates: *const *mut Engine,
        alternate_count: usize,
    ) -> *mut c_char;
    pub(crate) fn sk_slow_file_manager(
        bytes_per_second: i64,
        chunk_bytes: u64,
        trash_ratio: f64,
        out: *mut *mut librocksdb_sys::rocksdb_sst_file_manager_t,
    ) -> *mut c_char;
}

/// Takes over a message that the shim returned and releases it; null is success.
///
/// # Safety
/// `message` is null or comes from a function of the shim, and is used nowhere else.
pub(crate) unsafe fn take_message(message: *mut c_char) -> Result<(), String> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: the shim's messages are NUL-terminated strings.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: it came from the shim's strdup, and has no other owner.
    unsafe { sk_message_free(message) };
    Err(text)
}
