//! Names at a target that mean something to a restore.

/// The directory of everything that a restore keeps at the target.
pub(crate) const STAGING: &str = ".stonekeep-restore";
/// Where RocksDB keeps WALs that the database no longer needs (`kArchivalDirName` in file/filename.cc).
pub(crate) const ARCHIVE: &str = "archive";
pub(crate) const CURRENT: &str = "CURRENT";
/// Longer than any CURRENT, RocksDB's or ours.
pub(crate) const CURRENT_LIMIT_BYTES: u64 = 64 << 10;

/// Whether a file system keeps an unlinked file under this name, until whoever has it open closes it: NFS (`fs/nfs/unlink.c`
/// in Linux), libfuse (`hide_node` in `lib/fuse.c`).
pub(crate) fn is_kept_open(name: &str) -> bool {
    name.starts_with(".nfs") || name.starts_with(".fuse_hidden")
}
