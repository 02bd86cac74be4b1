//! What a backup asks of a database that this process has open.

use std::path::Path;
use std::sync::Arc;

use stonekeep::Result;

use crate::LiveFiles;

/// An open RocksDB database.
///
/// Implemented for the handles of the `rocksdb` crate. To back up through another binding, implement it for a type of
/// yours; `examples/rust-rocksdb` in Stonekeep's repository does so.
pub trait LiveDatabase: Send + Sync {
    /// The database's directory.
    fn directory(&self) -> &Path;

    /// Hands what the WAL buffers hold to the operating system (`FlushWAL`, without sync).
    ///
    /// # Errors
    /// RocksDB's.
    fn flush_wal(&self) -> Result<()>;

    /// Writes the memtables of all column families into tables, in one step where the database has `atomic_flush`
    /// (`Flush`).
    ///
    /// # Errors
    /// RocksDB's.
    fn flush_memtables(&self) -> Result<()>;

    /// The database as one that reports its files. Without it, its directory is captured as if another process had it
    /// open.
    fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
        None
    }
}

/// The same for pointers to a database.
macro_rules! pointer {
    ($($pointer:ty),*) => {
        $(impl<D: LiveDatabase + ?Sized> LiveDatabase for $pointer {
            fn directory(&self) -> &Path {
                (**self).directory()
            }

            fn flush_wal(&self) -> Result<()> {
                (**self).flush_wal()
            }

            fn flush_memtables(&self) -> Result<()> {
                (**self).flush_memtables()
            }

            fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
                (**self).files()
            }
        })*
    };
}

pointer!(&D, Arc<D>);
