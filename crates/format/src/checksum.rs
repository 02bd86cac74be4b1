//! The checksums that RocksDB puts into its files.
