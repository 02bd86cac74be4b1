//! A backup engine for RocksDB databases.
