//! When a writer began its batches, and when RocksDB had acknowledged them, in a file that outlives the writer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::counters::Counter;
use crate::{ProofError, Result};

const ENTRY_BYTES: usize = 32;

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// A new, empty file.
    pub(super) fn create(root: &Path) -> Result<()> {
        let path = path(root);
        fs::write(&path, []).map_err(ProofError::io(&path))
    }

    /// The file of a writer.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let path = path(root);
        let file = File::options()
            .append(true)
            .open(&path)
            .map_err(ProofError::io(&path))?;
        Ok(Self { file, path })
    }

    /// Notes the time, and the last sequence number in use, where that is known.
    pub(super) fn note(
        &self,
        counter: Counter,
        lane: usize,
        number: u64,
        sequence: Option<u64>,
    ) -> Result<()> {
        let what = (lane as u64) << 1 | counter as u64;
        let words = [what, number, now_ns(), sequence.unwrap_or_default()];
        let entry: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        (&self.file).write_all(&entry).map_err(ProofError::io(&self.path))
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("journal")
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// The times of one lane's batches, in nanoseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Times {
    begun: BTreeMap<u64, u64>,
    acknowledged: BTreeMap<u64, Acknowledged>,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// When.
    pub time_ns: u64,
    /// The last sequence number that was in use then; not smaller than those of the batch.
    pub sequence: Option<u64>,
}

impl Times {
    /// Those of all lanes.
    ///
    /// # Errors
    /// The file system's.
    pub fn read(root: &Path, lanes: usize) -> Result<Vec<Times>> {
        let path = path(root);
        let bytes = fs::read(&path).map_err(ProofError::io(&path))?;
        let mut all = vec![Times::default(); lanes];
        for entry in bytes.chunks_exact(ENTRY_BYTES) {
            let word = |place: usize| {
                let bytes = entry[place * 8..][..8].try_into();
                bytes.map_or(0, u64::from_ne_bytes)
            };
            let times = &mut all[(word(0) >> 1) as usize];
            if word(0) & 1 == Counter::Begun as u64 {
                // A batch that was begun again by the next writer may be in the database since the first time.
                times.begun.entry(word(1)).or_insert(word(2));
            } else {
                let acknowledged = Acknowledged {
                    time_ns: word(2),
                    sequence: Some(word(3)).filter(|sequence| *sequence > 0),
                };
                times.acknowledged.insert(word(1), acknowledged);
            }
        }
        Ok(all)
    }

    /// When a batch was begun.
    pub fn begun(&self, number: u64) -> Option<u64> {
        self.begun.get(&number).copied()
    }

    /// The last batch that was acknowledged by then.
    pub fn acknowledged_by(&self, time_ns: u64) -> u64 {
        let all = self.acknowledged.iter();
        let by_then = all.take_while(|(_, acknowledged)| acknowledged.time_ns <= time_ns);
        by_then.last().map_or(0, |(number, _)| *number)
    }

    /// The last batch that was begun by then.
    pub fn begun_by(&self, time_ns: u64) -> u64 {
        let by_then = self.begun.iter().take_while(|(_, time)| **time <= time_ns);
        by_then.last().map_or(0, |(number, _)| *number)
    }

    /// The acknowledgements, in order.
    pub fn acknowledgements(&self) -> impl Iterator<Item = (u64, Acknowledged)> {
        self.acknowledged
            .iter()
            .map(|(number, acknowledged)| (*number, *acknowledged))
    }

    /// The first and the last time.
    pub fn span(&self) -> Option<(u64, u64)> {
        let first = self.begun.values().next()?;
        Some((*first, *self.begun.values().next_back()?))
    }
}
