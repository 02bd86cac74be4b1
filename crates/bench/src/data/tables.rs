//! Databases with real tables, made by RocksDB.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rocksdb::{DB, DBCompressionType, FlushOptions, Options, WriteOptions};
use serde::{Deserialize, Serialize};

/// How many tables, and about how large each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tables {
    pub(crate) count: u64,
    pub(crate) bytes_each: u64,
}

/// About so large are values: keys and index are little beside them.
const VALUE_BYTES: u64 = 4000;
/// What a block of the table has besides a value of this size: key, restarts, trailer, its place in the index.
const OVERHEAD_BYTES: u64 = 70;
/// Properties, meta index, footer.
const TAIL_BYTES: u64 = 1500;

/// Makes a database, closed, with one flushed table after the other and nothing in its WAL.
///
/// # Errors
/// RocksDB's, and if the tables did not become what they should.
pub(crate) fn make(tables: Tables, path: &Path) -> Result<()> {
    fs::create_dir_all(path)?;
    let db = DB::open(&options(tables.bytes_each), path).context("making a database")?;
    let mut noise = Noise::new(0x9e37_79b9_7f4a_7c15);
    for table in 0..tables.count {
        add(&db, tables.bytes_each, table, &mut noise)?;
    }
    let live = db.live_files()?;
    let bytes: usize = live.iter().map(|file| file.size).sum();
    drop(db);
    let (wanted, made) = (tables.count * tables.bytes_each, bytes as u64);
    ensure!(
        live.len() as u64 == tables.count,
        "{} tables were made",
        live.len()
    );
    ensure!(
        made.abs_diff(wanted) < wanted / 10,
        "tables of {made} bytes were made, not of {wanted}"
    );
    Ok(())
}

/// Replaces a hundredth of the tables, at least one, by others of the same size. Turn `n` replaces those that turn `n - 1` has left
/// first.
///
/// # Errors
/// RocksDB's.
pub(crate) fn replace(tables: Tables, path: &Path, turn: u64) -> Result<()> {
    let db = DB::open(&options(tables.bytes_each), path).context("opening a database")?;
    let count = (tables.count / 100).max(1);
    let mut noise = Noise::new(0x2545_f491_4f6c_dd1d ^ (turn + 1));
    for table in 0..count {
        let old = turn * count + table;
        let [from, to] = [old, old + 1].map(|table| format!("{table:08}"));
        db.delete_file_in_range(from, to)?;
        add(&db, tables.bytes_each, tables.count + old, &mut noise)?;
    }
    Ok(())
}

/// Adds the table of this number.
fn add(db: &DB, bytes_each: u64, table: u64, noise: &mut Noise) -> Result<()> {
    let room = bytes_each.saturating_sub(TAIL_BYTES);
    let values = (room / (VALUE_BYTES + OVERHEAD_BYTES)).max(1);
    let mut value = vec![0; (room / values).saturating_sub(OVERHEAD_BYTES) as usize];
    let (mut write, mut flush) = (WriteOptions::default(), FlushOptions::default());
    write.disable_wal(true);
    flush.set_wait(true);
    for entry in 0..values {
        noise.fill(&mut value);
        db.put_opt(format!("{table:08}{entry:08}"), &value, &write)?;
    }
    Ok(db.flush_opt(&flush)?)
}

/// Every flush makes a table that stays.
fn options(bytes_each: u64) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(DBCompressionType::None);
    options.set_disable_auto_compactions(true);
    options.set_level_zero_slowdown_writes_trigger(i32::MAX);
    options.set_level_zero_stop_writes_trigger(i32::MAX);
    options.set_write_buffer_size(bytes_each as usize * 2 + (1 << 20));
    options.set_max_open_files(64);
    options
}

/// Bytes that do not compress, the same each time (xorshift64).
pub(super) struct Noise(u64);

impl Noise {
    /// A seed must not be 0.
    pub(super) fn new(seed: u64) -> Self {
        Noise(seed)
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let word = self.0.to_le_bytes();
            chunk.copy_from_slice(word.get(..chunk.len()).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use stonekeep::Quiet;
    use stonekeep::image::{Directory, ImageSource, NoHost, SourceKind};

    use super::*;

    #[test]
    fn tables_are_as_many_and_as_large_as_asked() {
        let directory = tempfile::tempdir().unwrap();
        for (n, bytes_each) in [16 << 10, 64 << 10, 3 << 20].into_iter().enumerate() {
            let path = directory.path().join(n.to_string());
            let tables = Tables { count: 7, bytes_each };
            make(tables, &path).unwrap();
            let capture = Directory::new(&path, SourceKind::Closed)
                .capture(&mut NoHost, &Quiet)
                .unwrap();
            let found = capture.image().files.iter().filter(|file| file.table.is_some());
            let sizes: Vec<u64> = found.map(|file| file.size_bytes).collect();
            assert_eq!(sizes.len(), 7);
            for size in sizes {
                assert!(size.abs_diff(bytes_each) < bytes_each / 10, "{size}");
            }
        }
    }
}
