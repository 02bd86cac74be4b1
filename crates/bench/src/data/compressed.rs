//! Databases whose tables are compressed, made by RocksDB.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rocksdb::{BlockBasedOptions, DB, DBCompressionType, FlushOptions, Options, WriteOptions};
use serde::{Deserialize, Serialize};

use super::tables::Noise;

/// How the blocks of the tables are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub(crate) const ALL: [Compression; 3] = [Compression::Snappy, Compression::Lz4, Compression::Zstd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    fn of_rocksdb(self) -> DBCompressionType {
        match self {
            Compression::Snappy => DBCompressionType::Snappy,
            Compression::Lz4 => DBCompressionType::Lz4,
            Compression::Zstd => DBCompressionType::Zstd,
        }
    }
}

/// Half of a value is hexadecimal digits by chance, half of it words that come again.
const VALUE_BYTES: usize = 400;
const WORDS: usize = 4096;
const WORD_BYTES: usize = 8;
/// About so much of its content a table has before it is compressed.
const TABLE_BYTES: u64 = 64 << 20;

/// Makes a database, closed, with so many bytes of content in flushed tables, and nothing in its WAL.
///
/// # Errors
/// RocksDB's.
pub(crate) fn make(compression: Compression, bytes: u64, path: &Path) -> Result<()> {
    fs::create_dir_all(path)?;
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(compression.of_rocksdb());
    options.set_disable_auto_compactions(true);
    options.set_write_buffer_size(TABLE_BYTES as usize * 2);
    let mut blocks = BlockBasedOptions::default();
    // What Debian's 7.8.3 can read.
    blocks.set_format_version(5);
    options.set_block_based_table_factory(&blocks);
    let db = DB::open(&options, path).context("making a database")?;
    let (mut write, mut flush) = (WriteOptions::default(), FlushOptions::default());
    write.disable_wal(true);
    flush.set_wait(true);
    let mut noise = Noise::new(0x9e37_79b9_7f4a_7c15);
    let words = words(&mut noise);
    let tables = bytes.div_ceil(TABLE_BYTES);
    let entries = bytes / tables / VALUE_BYTES as u64;
    for table in 0..tables {
        for entry in 0..entries {
            let value = value(&mut noise, &words);
            db.put_opt(format!("{table:08}{entry:08}"), value, &write)?;
        }
        db.flush_opt(&flush)?;
    }
    let live = db.live_files()?.len() as u64;
    ensure!(live == tables, "{live} tables were made, not {tables}");
    Ok(())
}

fn words(noise: &mut Noise) -> Vec<[u8; WORD_BYTES]> {
    let mut word = || {
        let mut word = [0; WORD_BYTES];
        noise.fill(&mut word);
        word.map(|byte| b'a' + byte % 26)
    };
    (0..WORDS).map(|_| word()).collect()
}

fn value(noise: &mut Noise, words: &[[u8; WORD_BYTES]]) -> Vec<u8> {
    let mut random = [0; VALUE_BYTES / 4 + 2 * VALUE_BYTES / 2 / WORD_BYTES];
    noise.fill(&mut random);
    let (digits, choices) = random.split_at(VALUE_BYTES / 4);
    let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut value: Vec<u8> = digits
        .map(|digit| b"0123456789abcdef"[usize::from(digit)])
        .collect();
    for choice in choices.chunks_exact(2) {
        let choice = usize::from(u16::from_le_bytes([choice[0], choice[1]]));
        value.extend(words[choice % WORDS]);
    }
    value
}
