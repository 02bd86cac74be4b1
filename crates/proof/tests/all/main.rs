//! What Stonekeep is judged by: real RocksDB on the same bytes.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod common_repository;
mod engine;
mod fixtures;
mod judge;
mod ldb;
mod makers;
mod old_engines;
mod older_ldb;
mod oracle;
mod our_backups;
mod ours;
mod restoring;
mod sample;
mod their_backups;
