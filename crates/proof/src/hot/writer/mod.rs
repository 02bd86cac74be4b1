//! The process that writes a database at full speed until its standard input ends.

mod ordinary;
mod run;
mod two_phase;

pub(super) use self::two_phase::long_name;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rocksdb::{ColumnFamilyDescriptor, Options};

use super::counters::{Counter, Counters};
use super::history::{FAMILIES, History};
use super::journal::Journal;
use super::settings::Setting;
use super::slow_deletion;
use crate::oracle::{self, OpenOptions};
use crate::{ProofError, Result};

/// What a writer writes, and how far it has come.
#[derive(Debug)]
pub struct Writer {
    setting: &'static Setting,
    root: PathBuf,
    history: History,
    counters: Counters,
    journal: Option<Journal>,
    stopped: AtomicBool,
}

/// Why a database is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stopped,
    ToReopen,
}

impl Writer {
    /// A writer of this kind of database below `root`, which goes on where an earlier one was killed.
    ///
    /// # Errors
    /// Counters that cannot be opened.
    pub fn new(setting: &'static Setting, root: PathBuf, seed: u64) -> Result<Self> {
        Ok(Self {
            setting,
            history: setting.history(seed),
            counters: Counters::open(&super::process::counters_path(&root))?,
            journal: setting.journal.then(|| Journal::open(&root)).transpose()?,
            root,
            stopped: AtomicBool::new(false),
        })
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The options of the database; those of its column families are the same.
    fn options(&self) -> Result<(OpenOptions, Options)> {
        let given = self.setting.places(&self.root);
        let mut options = given.to_rocksdb()?;
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        if self.setting.slow_deletion {
            slow_deletion::set(&mut options)?;
        }
        Ok((given, options))
    }

    /// Those of [`FAMILIES`], and whatever else an earlier writer left.
    fn families(&self, given: &OpenOptions) -> Result<Vec<ColumnFamilyDescriptor>> {
        let database = self.setting.database(&self.root);
        let mut names: Vec<String> = FAMILIES.iter().map(|name| (*name).to_owned()).collect();
        if database.join("CURRENT").exists() {
            names.extend(oracle::column_families(&database, given)?);
            names.sort();
            names.dedup();
        }
        let descriptors = names
            .into_iter()
            .map(|name| Ok(ColumnFamilyDescriptor::new(name, given.to_rocksdb()?)));
        descriptors.collect()
    }

    /// The batch after which a lane goes on, if the database still has what was acknowledged.
    fn goes_on_after(&self, lane: usize, found: Option<Vec<u8>>) -> Result<u64> {
        let found = found
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_be_bytes);
        let last = found.unwrap_or_default();
        let acknowledged = self.counters.get(lane, Counter::Acknowledged)?;
        if last < acknowledged {
            return Err(ProofError::Differs {
                what: "the database that RocksDB opened again".to_owned(),
                difference: format!("lane {lane} ends at {last}, but {acknowledged} was acknowledged"),
            });
        }
        Ok(last)
    }

    /// What the other lanes have had acknowledged, as [`super::history::seen_key`] holds it.
    fn seen(&self) -> Result<Vec<u8>> {
        let all = self.counters.all(self.setting.lanes, Counter::Acknowledged)?;
        Ok(all.into_iter().flat_map(u64::to_be_bytes).collect())
    }

    /// Notes that a batch is in the operating system's hands.
    fn acknowledge(&self, lane: usize, number: u64, sequence: Option<u64>) -> Result<()> {
        self.counters.set(lane, Counter::Acknowledged, number)?;
        self.note(Counter::Acknowledged, lane, number, sequence)
    }

    /// Notes that a batch is going to be written.
    fn begin(&self, lane: usize, number: u64) -> Result<()> {
        self.counters.set(lane, Counter::Begun, number)?;
        self.note(Counter::Begun, lane, number, None)
    }

    fn note(&self, counter: Counter, lane: usize, number: u64, sequence: Option<u64>) -> Result<()> {
        match &self.journal {
            Some(journal) => journal.note(counter, lane, number, sequence),
            None => Ok(()),
        }
    }
}
