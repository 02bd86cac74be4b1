//! An `SstFileManager` that deletes slowly and in pieces, which RocksDB's C API cannot make.

use librocksdb_sys as ffi;
use rocksdb::{AsRawPtr as _, Options};

use crate::engine::shim;
use crate::{ProofError, Result};

/// How many bytes are deleted in a second.
const BYTES_PER_SECOND: i64 = 64 << 20;
/// Longer files are cut by so many bytes each time.
const CHUNK_BYTES: u64 = 16 << 10;
/// What is deleted slowly may be so many times as much as what lives; the rest is deleted at once.
const TRASH_RATIO: f64 = 4.0;

/// Lets a database delete its files like that.
///
/// # Errors
/// RocksDB's status.
pub(super) fn set(options: &mut Options) -> Result<()> {
    let mut manager = std::ptr::null_mut();
    // SAFETY: the pointer to write to outlives the call.
    let message =
        unsafe { shim::sk_slow_file_manager(BYTES_PER_SECOND, CHUNK_BYTES, TRASH_RATIO, &raw mut manager) };
    // SAFETY: the message comes from the shim and is used nowhere else.
    unsafe { shim::take_message(message) }.map_err(|status| ProofError::Engine {
        action: "make a file manager".to_owned(),
        status,
    })?;
    // SAFETY: both are alive; the options share the manager, and this share of it is given up.
    unsafe {
        ffi::rocksdb_options_set_sst_file_manager(options.as_raw_ptr(), manager);
        ffi::rocksdb_sst_file_manager_destroy(manager);
    }
    Ok(())
}
