//! The live files of a database, reported by RocksDB's C API.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use librocksdb_sys as ffi;
use stonekeep::{ErrorKind, Result};

use super::pointer::Pointer;
use super::status;
use crate::{LiveFile, LiveFiles, Memtables};

impl LiveFiles for Pointer<'_> {
    fn disable_file_deletions(&self) -> Result<()> {
        // SAFETY: the database is open, and the message is freed here.
        let outcome =
            checked(|message| unsafe { ffi::rocksdb_disable_file_deletions(self.as_ptr(), message) });
        outcome.map_err(|message| {
            let error = status::error("disabling file deletions", &message);
            match error.kind() {
                ErrorKind::Unsupported => error.with_hint(
                    "a handle that only reads cannot keep files: back the database up through the handle that writes, or by its \
                     directory",
                ),
                _ => error,
            }
        })
    }

    fn enable_file_deletions(&self) -> Result<()> {
        // SAFETY: the same.
        let outcome =
            checked(|message| unsafe { ffi::rocksdb_enable_file_deletions(self.as_ptr(), message) });
        outcome.map_err(|message| status::error("enabling file deletions", &message))
    }

    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>> {
        let options = Options::new(memtables);
        // SAFETY: the same; the options live until the end of this function, and the list is freed here.
        let list = checked(|message| unsafe {
            ffi::rocksdb_get_livefiles_storage_info(self.as_ptr(), options.0, message)
        });
        list.map(|list| List(list).files())
            .map_err(|message| status::error("asking RocksDB for its live files", &message))
    }
}

/// The options of one call.
struct Options(*mut ffi::rocksdb_livefiles_storage_info_options_t);

impl Options {
    fn new(memtables: Memtables) -> Self {
        // SAFETY: it takes nothing, and never fails.
        let options = unsafe { ffi::rocksdb_livefiles_storage_info_options_create() };
        // SAFETY: the options have just been made.
        unsafe {
            ffi::rocksdb_livefiles_storage_info_options_set_wal_size_for_flush(
                options,
                memtables.wal_size_for_flush(),
            );
        }
        Options(options)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: they are destroyed once.
        unsafe { ffi::rocksdb_livefiles_storage_info_options_destroy(self.0) }
    }
}

/// The list that a call returned.
struct List(*mut ffi::rocksdb_livefiles_storage_info_t);

impl List {
    fn files(&self) -> Vec<LiveFile> {
        // SAFETY: the list is there until it is dropped.
        let count = unsafe { ffi::rocksdb_livefiles_storage_info_count(self.0) };
        (0..count).map(|index| self.file(index)).collect()
    }

    /// The C API does not check the index.
    fn file(&self, index: usize) -> LiveFile {
        // SAFETY: the index is below the count, and both texts end with a NUL and live as long as the list.
        let (directory, name) = unsafe {
            (
                text(ffi::rocksdb_livefiles_storage_info_directory(self.0, index)),
                text(ffi::rocksdb_livefiles_storage_info_relative_filename(
                    self.0, index,
                )),
            )
        };
        // SAFETY: the index is below the count.
        let size_bytes = unsafe { ffi::rocksdb_livefiles_storage_info_size(self.0, index) };
        LiveFile {
            path: directory.join(name),
            size_bytes,
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: it is destroyed once.
        unsafe { ffi::rocksdb_livefiles_storage_info_destroy(self.0) }
    }
}

/// A path, copied.
///
/// # Safety
/// It ends with a NUL.
unsafe fn text(text: *const c_char) -> PathBuf {
    // SAFETY: the caller says so.
    let text = unsafe { CStr::from_ptr(text) };
    Path::new(OsStr::from_bytes(text.to_bytes())).to_owned()
}

/// What a call returns, or the error message that it allocates instead.
fn checked<T>(call: impl FnOnce(*mut *mut c_char) -> T) -> std::result::Result<T, String> {
    let mut message = ptr::null_mut();
    let returned = call(&raw mut message);
    if message.is_null() {
        return Ok(returned);
    }
    // SAFETY: messages end with a NUL.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: the C API allocated it, and frees it once.
    unsafe { ffi::rocksdb_free(message.cast()) };
    Err(text)
}
