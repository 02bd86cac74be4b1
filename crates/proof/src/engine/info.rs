//! The backups in a repository, as RocksDB's backup engine reports them.

use std::ffi::{CStr, c_char, c_void};

use super::shim;

/// `BackupInfo` with its file details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// `backup_id`.
    pub id: u32,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Bytes of all files.
    pub size: u64,
    /// How many files, without excluded ones.
    pub number_files: u32,
    /// The application's own bytes.
    pub app_metadata: Vec<u8>,
    /// `file_details`, sorted by name.
    pub files: Vec<BackupFile>,
    /// `excluded_files`: names relative to the backup directory, sorted.
    pub excluded: Vec<String>,
}

/// One of `BackupInfo::file_details`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupFile {
    /// Below the backup directory, for example `shared_checksum/000012_s3ABC_1033.sst`.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// Gathers what the shim's visitor functions are called with.
#[derive(Default)]
pub(super) struct Collector {
    backups: Vec<BackupInfo>,
}

impl Collector {
    pub(super) fn context(&mut self) -> *mut c_void {
        (&raw mut *self).cast()
    }

    /// The backups in the order that the engine gave.
    pub(super) fn finish(mut self) -> Vec<BackupInfo> {
        for backup in &mut self.backups {
            backup.files.sort();
            backup.excluded.sort();
        }
        self.backups
    }

    fn add_file(&mut self, file: &shim::File) {
        let relative = text(file.relative_filename);
        let Some(backup) = self
            .backups
            .iter_mut()
            .rfind(|backup| backup.id == file.backup_id)
        else {
            return;
        };
        if file.excluded {
            backup.excluded.push(relative);
            return;
        }
        backup.files.push(BackupFile {
            name: relative,
            size: file.size,
        });
    }
}

/// The shim's `on_backup`.
pub(super) extern "C" fn on_backup(context: *mut c_void, backup: *const shim::Backup) {
    // SAFETY: the shim passes on the collector's own pointer, and a struct that lives during the call.
    let (collector, backup) = unsafe { (&mut *context.cast::<Collector>(), &*backup) };
    // SAFETY: the pointer and the length are those of one C++ string that outlives the call.
    let app_metadata =
        unsafe { std::slice::from_raw_parts(backup.app_metadata.cast::<u8>(), backup.app_metadata_size) };
    collector.backups.push(BackupInfo {
        id: backup.id,
        timestamp: backup.timestamp,
        size: backup.size,
        number_files: backup.number_files,
        app_metadata: app_metadata.to_vec(),
        files: Vec::new(),
        excluded: Vec::new(),
    });
}

/// The shim's `on_file`.
pub(super) extern "C" fn on_file(context: *mut c_void, file: *const shim::File) {
    // SAFETY: the shim passes on the collector's own pointer, and a struct that lives during the call.
    let (collector, file) = unsafe { (&mut *context.cast::<Collector>(), &*file) };
    collector.add_file(file);
}

/// The shim's `on_id`, for a context that is a `Vec<u32>`.
pub(super) extern "C" fn on_id(context: *mut c_void, id: u32) {
    // SAFETY: the only caller passes a vector of ids that lives during the call.
    let ids = unsafe { &mut *context.cast::<Vec<u32>>() };
    ids.push(id);
}

fn text(pointer: *const c_char) -> String {
    // SAFETY: called only with the NUL-terminated strings of the shim's structs, during the call.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
