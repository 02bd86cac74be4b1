//! The owner of an open engine.

use super::shim;

/// An open `BackupEngine` or `BackupEngineReadOnly` of RocksDB.
#[derive(Debug)]
pub struct RocksBackupEngine {
    pub(super) raw: *mut shim::Engine,
}

// SAFETY: RocksDB's header promises that operations of one engine from several threads exclude each other as needed.
unsafe impl Send for RocksBackupEngine {}
// SAFETY: as above.
unsafe impl Sync for RocksBackupEngine {}

impl Drop for RocksBackupEngine {
    fn drop(&mut self) {
        // SAFETY: the engine is open, and is not used after this.
        unsafe { shim::sk_engine_close(self.raw) };
    }
}
