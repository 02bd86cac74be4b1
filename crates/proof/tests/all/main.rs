//! Tests against real RocksDB on the same bytes.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

#[expect(dead_code, reason = "the library's own tests use more of it")]
#[path = "../../../stonekeep/tests/all/restore/dying_disk.rs"]
mod dying_disk;

mod best_effort;
mod blob_direct_write;
mod checkpoints;
mod common_repository;
mod copies;
mod damage;
mod damaging;
mod deep;
mod engine;
mod excluded_files;
mod fixtures;
mod followed_changes;
mod followed_wals;
mod forked_databases;
mod hot_capture;
mod hot_writers;
mod in_place;
mod interrupted_restores;
mod judge;
mod kept_wals;
mod killed_backups;
mod ldb;
mod live_databases;
mod makers;
mod meddled_store;
mod meddling;
mod old_engines;
mod older_ldb;
mod oracle;
mod our_backups;
mod ours;
mod places;
mod point_controls;
mod point_faults;
mod points;
mod prepared_transactions;
mod restoring;
mod sample;
mod second_process;
mod their_backups;
mod timestamps;
mod torn_wals;
mod wal_dirs;
