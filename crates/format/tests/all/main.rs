//! Tests of the format crate against bytes that RocksDB wrote.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod backup_meta;
mod backup_name;
mod blob;
mod blob_scan;
mod edits;
mod file_name;
mod golden;
mod log;
mod log_damage;
mod log_properties;
mod manifest_edit;
mod manifest_flush;
mod manifest_group;
mod manifest_reader;
mod manifest_state;
mod options;
mod sst_blocks;
mod sst_damage;
mod sst_decompress;
mod sst_encode;
mod sst_end;
mod sst_fixtures;
mod sst_golden;
mod sst_walk;
mod sst_walk_contents;
mod sst_walk_damage;
mod unique_id;
mod wal;
mod wal_batch;
mod wal_numbering;
mod wal_properties;
mod wal_tail;
