//! Writes files of RocksDB for tests of the code that reads them, which never writes such files itself.

pub mod blob;
pub mod blocks;
pub mod coding;
pub mod log;
pub mod manifest;
pub mod table;
pub mod whole_table;

/// A value that a file of RocksDB consists of.
pub trait Encode {
    /// Its bytes, as RocksDB writes them.
    fn encode(&self) -> Vec<u8>;
}
