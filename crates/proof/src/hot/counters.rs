//! Counts the batches that a writer has begun and that RocksDB has acknowledged, in a file that outlives the writer.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::{ProofError, Result};

/// A number and its complement, so that a half written one is noticed.
const ENTRY_BYTES: u64 = 16;

/// For each lane two numbers of batches: the last one that was begun, the last one that is acknowledged.
#[derive(Debug)]
pub struct Counters {
    file: File,
    path: PathBuf,
}

/// Which of a lane's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The last batch that was given to RocksDB.
    Begun = 0,
    /// The last batch that is in the operating system's hands.
    Acknowledged = 1,
}

impl Counters {
    /// A new file, all numbers zero.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(path: &Path, lanes: usize) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(ProofError::io(path))?;
        let counters = Self {
            file,
            path: path.to_owned(),
        };
        for lane in 0..lanes {
            counters.set(lane, Counter::Begun, 0)?;
            counters.set(lane, Counter::Acknowledged, 0)?;
        }
        Ok(counters)
    }

    /// The file of a writer.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(ProofError::io(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Another handle on the same file.
    ///
    /// # Errors
    /// The file system's.
    pub fn again(&self) -> Result<Self> {
        Self::open(&self.path)
    }

    /// Sets a number.
    ///
    /// # Errors
    /// The file system's.
    pub fn set(&self, lane: usize, counter: Counter, number: u64) -> Result<()> {
        let mut entry = [0; ENTRY_BYTES as usize];
        entry[..8].copy_from_slice(&number.to_ne_bytes());
        entry[8..].copy_from_slice(&(!number).to_ne_bytes());
        self.file
            .write_all_at(&entry, offset(lane, counter))
            .map_err(ProofError::io(&self.path))
    }

    /// A number.
    ///
    /// # Errors
    /// The file system's.
    pub fn get(&self, lane: usize, counter: Counter) -> Result<u64> {
        loop {
            let mut entry = [0; ENTRY_BYTES as usize];
            self.file
                .read_exact_at(&mut entry, offset(lane, counter))
                .map_err(ProofError::io(&self.path))?;
            let (mut number, mut complement) = ([0; 8], [0; 8]);
            number.copy_from_slice(&entry[..8]);
            complement.copy_from_slice(&entry[8..]);
            if u64::from_ne_bytes(number) == !u64::from_ne_bytes(complement) {
                return Ok(u64::from_ne_bytes(number));
            }
        }
    }

    /// A number of each lane.
    ///
    /// # Errors
    /// The file system's.
    pub fn all(&self, lanes: usize, counter: Counter) -> Result<Vec<u64>> {
        (0..lanes).map(|lane| self.get(lane, counter)).collect()
    }
}

fn offset(lane: usize, counter: Counter) -> u64 {
    (lane as u64 * 2 + counter as u64) * ENTRY_BYTES
}
