//! Real RocksDB, as the oracle for what Stonekeep writes.
//!
//! - [`engine`]: RocksDB's own `BackupEngine`, whole, through a small C++ shim.
//! - [`oracle`]: every key of every column family of a database, read by RocksDB and compared.
//! - [`makers`]: databases of each kind, made by RocksDB, each with a model of what it must hold.
//! - [`ldb`]: the command-line tool of another, older RocksDB, where it is installed.
//! - [`fixtures`]: makes the committed repositories of stonekeep-testkit with engines of several versions.
//! - [`hot`]: databases that are captured while another process writes them at full speed.
//! - [`points`]: databases that are followed while another process writes them, and restored to points between backups.
//! - [`sample`]: the database that `stonekeep demo` shows.
//!
//! The crate links C++ and wants libclang at build time, so it is no default member of the workspace: `cargo xtask proof` runs it.

pub mod contents;
pub mod engine;
pub mod error;
pub mod fixtures;
pub mod hot;
pub mod ldb;
pub mod makers;
pub mod oracle;
pub mod points;
pub mod sample;

pub use contents::DatabaseContents;
pub use error::{ProofError, Result};
