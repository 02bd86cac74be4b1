//! Tests of the format crate against bytes that RocksDB wrote.

mod unique_id;
