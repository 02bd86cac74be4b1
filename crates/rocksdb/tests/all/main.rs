//! Backups from inside the process, restored by Stonekeep, read by RocksDB.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod churn;
mod closing;
mod deletions;
mod flushing;
mod handles;
mod hundreds;
mod limits;
mod lock;
mod meddled;
mod prepared;
mod settings;
mod simple;
mod slow_deleter;
mod workload;
