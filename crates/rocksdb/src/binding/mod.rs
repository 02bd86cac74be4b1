//! The handles of the `rocksdb` crate as live databases.
//!
//! Which of the two types of [`DBWithThreadMode`] shows its pointer depends on that crate's feature `multi-threaded-cf`:
//! it is the one that `rocksdb::DB` names. The other type, and databases with transactions, do not show theirs.

mod column_families;
mod live_files;
mod pointer;
mod status;

use std::path::Path;
use std::sync::Arc;

use rocksdb::{
    DBWithThreadMode, ErrorKind, FlushOptions, MultiThreaded, OptimisticTransactionDB, SingleThreaded,
    TransactionDB,
};
use stonekeep::Result;

use self::column_families::names;
use self::pointer::{Hidden as _, Probe, Shown as _};
use crate::{LiveDatabase, LiveFiles};

/// Column families may be dropped while all are flushed: then those that are left are.
const FLUSHES: u32 = 100;

/// Flushes the column families of a handle, together: RocksDB does it in one step if the database has `atomic_flush`.
macro_rules! flush_memtables {
    ($database:expr) => {{
        let options = FlushOptions::default();
        let mut flushes = 1;
        loop {
            let names = names(LiveDatabase::directory($database))?;
            let families: Vec<_> = names
                .iter()
                .filter_map(|name| $database.cf_handle(name))
                .collect();
            let flushed = if families.is_empty() {
                // A handle that was opened without naming column families has the default one alone.
                $database.flush_opt(&options)
            } else {
                $database.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)
            };
            match flushed {
                Err(error) if error.kind() == ErrorKind::ColumnFamilyDropped && flushes < FLUSHES => {
                    flushes += 1
                }
                flushed => {
                    break flushed.map_err(|error| status::error("flushing memtables", error.as_ref()));
                }
            }
        }
    }};
}

macro_rules! live_database {
    ($($handle:ty),*) => {
        $(impl LiveDatabase for $handle {
            fn directory(&self) -> &Path {
                self.path()
            }

            fn flush_wal(&self) -> Result<()> {
                self.flush_wal(false)
                    .map_err(|error| status::error("flushing the WAL", error.as_ref()))
            }

            fn flush_memtables(&self) -> Result<()> {
                flush_memtables!(self)
            }

            fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
                let pointer = (&Probe(self)).pointer()?;
                Some(Arc::new(pointer))
            }
        })*
    };
}

live_database!(
    DBWithThreadMode<SingleThreaded>,
    DBWithThreadMode<MultiThreaded>,
    TransactionDB<SingleThreaded>,
    TransactionDB<MultiThreaded>,
    OptimisticTransactionDB<SingleThreaded>,
    OptimisticTransactionDB<MultiThreaded>
);
