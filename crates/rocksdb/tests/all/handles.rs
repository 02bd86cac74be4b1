//! The handle types, as far as the workload needs them.

use std::path::Path;
use std::sync::Arc;

use rocksdb::{
    BoundColumnFamily, ColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, FlushOptions, MultiThreaded,
    OptimisticTransactionDB, Options, SingleThreaded, TransactionDB, TransactionDBOptions, WriteBatch,
    WriteBatchWithTransaction, WriteOptions,
};
use stonekeep_rocksdb::LiveDatabase;

use crate::workload::{Change, FAMILIES};

/// The one that shows its pointer, whichever that is.
pub(crate) type TellingDb = rocksdb::DB;
pub(crate) type SingleDb = DBWithThreadMode<SingleThreaded>;
pub(crate) type MultiDb = DBWithThreadMode<MultiThreaded>;
pub(crate) type Transactions = TransactionDB<SingleThreaded>;
pub(crate) type MultiTransactions = TransactionDB<MultiThreaded>;
pub(crate) type Optimistic = OptimisticTransactionDB<SingleThreaded>;
pub(crate) type MultiOptimistic = OptimisticTransactionDB<MultiThreaded>;

/// A handle that the workload can be written through.
pub(crate) trait Handle: LiveDatabase + Sized {
    /// Opens a new database with the workload's column families.
    fn create(options: &Options, path: &Path) -> Self;

    /// Writes to several column families in one batch.
    fn apply(&self, families: &[&str], changes: &[Change], options: &WriteOptions);

    /// Flushes one column family, and does not wait for it.
    fn flush(&self, family: &str);

    /// Creates a column family, where the handle can be shared meanwhile.
    fn add_family(&self, name: &str) {
        panic!("no {name}: column families of this handle stay");
    }

    /// Drops it.
    fn drop_family(&self, name: &str) {
        panic!("{name} stays: column families of this handle do");
    }

    /// Whether column families come and go.
    const CHANGES_FAMILIES: bool;
}

fn descriptors(options: &Options) -> Vec<ColumnFamilyDescriptor> {
    FAMILIES
        .map(|name| ColumnFamilyDescriptor::new(name, options.clone()))
        .into()
}

fn without_waiting() -> FlushOptions {
    let mut options = FlushOptions::default();
    options.set_wait(false);
    options
}

macro_rules! handle {
    ($handle:ty, $batch:ty, $family:ty, $changes:literal, |$options:ident, $path:ident| $open:expr
        $(, $add:ident, $drop:ident)?) => {
        impl Handle for $handle {
            fn create($options: &Options, $path: &Path) -> Self {
                $open.unwrap()
            }

            fn apply(&self, families: &[&str], changes: &[Change], options: &WriteOptions) {
                let mut batch = <$batch>::default();
                for family in families {
                    let family: $family = self.cf_handle(family).unwrap();
                    for Change { key, value } in changes {
                        match value {
                            Some(value) => batch.put_cf(&family, key, value),
                            None => batch.delete_cf(&family, key),
                        }
                    }
                }
                self.write_opt(batch, options).unwrap();
            }

            fn flush(&self, family: &str) {
                let family: $family = self.cf_handle(family).unwrap();
                // While writes are stopped, RocksDB begins no flush that nobody waits for.
                while let Err(error) = self.flush_cf_opt(&family, &without_waiting()) {
                    assert_eq!(error.kind(), rocksdb::ErrorKind::TryAgain, "{error}");
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }

            $(fn add_family(&self, name: &str) {
                self.$add(name, &Options::default()).unwrap();
            }

            fn drop_family(&self, name: &str) {
                self.$drop(name).unwrap();
            })?

            const CHANGES_FAMILIES: bool = $changes;
        }
    };
}

handle!(SingleDb, WriteBatch, &ColumnFamily, false, |options, path| {
    SingleDb::open_cf_descriptors(options, path, descriptors(options))
});
handle!(
    MultiDb,
    WriteBatch,
    Arc<BoundColumnFamily<'_>>,
    true,
    |options, path| MultiDb::open_cf_descriptors(options, path, descriptors(options)),
    create_cf,
    drop_cf
);
handle!(
    Transactions,
    WriteBatchWithTransaction<true>,
    &ColumnFamily,
    false,
    |options, path| {
        let transactions = TransactionDBOptions::default();
        Transactions::open_cf_descriptors(options, &transactions, path, descriptors(options))
    }
);
handle!(
    MultiTransactions,
    WriteBatchWithTransaction<true>,
    Arc<BoundColumnFamily<'_>>,
    true,
    |options, path| {
        let transactions = TransactionDBOptions::default();
        MultiTransactions::open_cf_descriptors(options, &transactions, path, descriptors(options))
    },
    create_cf,
    drop_cf
);
handle!(
    Optimistic,
    WriteBatchWithTransaction<true>,
    &ColumnFamily,
    false,
    |options, path| Optimistic::open_cf_descriptors(options, path, descriptors(options))
);
handle!(
    MultiOptimistic,
    WriteBatchWithTransaction<true>,
    Arc<BoundColumnFamily<'_>>,
    true,
    |options, path| MultiOptimistic::open_cf_descriptors(options, path, descriptors(options)),
    create_cf,
    drop_cf
);
