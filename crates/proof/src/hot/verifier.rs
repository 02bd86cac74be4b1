//! Checks that an image is one state of its database's history, and a recent one.

use std::path::Path;

use rocksdb::{TransactionDB, TransactionDBOptions};

use super::history::{self, FAMILIES, HISTORY_KEPT, History, Work};
use super::settings::Setting;
use super::writer::long_name;
use crate::oracle::{self, OpenOptions, Reading};
use crate::{DatabaseContents, ProofError, Result};

/// With what `wal_recovery_mode` an image is opened for reading.
///
/// RocksDB turns `recycle_log_file_num` off with the first and the last (db/db_impl/db_impl_open.cc); with the second
/// it stays as the setting has it.
const RECOVERY_MODES: [&str; 3] = [
    "kAbsoluteConsistency",
    "kPointInTimeRecovery",
    "kTolerateCorruptedTailRecords",
];

/// What was known while an image was taken, for each lane.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The last batch that was acknowledged before the start.
    pub acknowledged_before: Vec<u64>,
    /// The last batch that was begun when all was over.
    pub begun_after: Vec<u64>,
}

/// Judges images of one writer's database.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    setting: &'static Setting,
    history: History,
    recovery_modes: &'static [&'static str],
    families_lag: bool,
}

/// What an image was found to be.
#[derive(Clone, Debug)]
pub struct Found {
    /// The last batch of each lane.
    pub last: Vec<u64>,
    /// The last sequence number.
    pub sequence: u64,
    /// How many transactions are prepared, where there may be some.
    pub prepared: Option<u64>,
}

impl Verifier {
    /// A judge of what a writer of this kind, with this seed, writes.
    pub fn new(setting: &'static Setting, seed: u64) -> Self {
        Self {
            setting,
            history: setting.history(seed),
            recovery_modes: &RECOVERY_MODES,
            families_lag: false,
        }
    }

    /// Opens the database as its writer would only, which is all that can be asked of what a killed writer leaves: a
    /// recycled WAL ends with records of its former life.
    pub fn leniently(self) -> Self {
        Self {
            recovery_modes: &RECOVERY_MODES[1..2],
            ..self
        }
    }

    /// Opens the database in the strictest way only, and allows column families that are made next already, and those that were
    /// dropped last still, as they were then: a point between two looks at the MANIFEST may have them.
    pub fn of_points(self) -> Self {
        Self {
            recovery_modes: &RECOVERY_MODES[..1],
            families_lag: true,
            ..self
        }
    }

    /// The last sequence number of the database in this directory, if that is one state within the bounds. Opening it for
    /// writing changes it.
    ///
    /// # Errors
    /// RocksDB's; what is wrong.
    pub fn judge(&self, image: &Path, bounds: &Bounds) -> Result<u64> {
        self.find(image, bounds).map(|found| found.sequence)
    }

    /// The same, with what else was found.
    ///
    /// # Errors
    /// RocksDB's; what is wrong.
    pub fn find(&self, image: &Path, bounds: &Bounds) -> Result<Found> {
        let (mut first, mut sequence) = (None, 0);
        for mode in self.recovery_modes {
            let options = self.setting.flat(&format!("wal_recovery_mode={mode}"));
            let last;
            (last, sequence) = self.judge_read_only(image, &options, mode)?;
            within(&last, bounds)?;
            same(&mut first, last, mode)?;
        }
        let strictest = self.recovery_modes[0];
        let options = self.setting.flat(&format!("wal_recovery_mode={strictest}"));
        let last = self.judge_writable(image, &options)?;
        same(&mut first, last, "the recovered database")?;
        let last = first.unwrap_or_default();
        let is_two_phase = self.setting.work == Work::TwoPhase;
        let prepared = is_two_phase.then(|| self.judge_prepared(image, &options, &last));
        Ok(Found {
            prepared: prepared.transpose()?,
            last,
            sequence,
        })
    }

    fn judge_read_only(&self, image: &Path, options: &OpenOptions, mode: &str) -> Result<(Vec<u64>, u64)> {
        let families = oracle::column_families(image, options)?;
        let db = oracle::open_read_only(image, options)?;
        oracle::verify_checksum(&db)?;
        let last = self.judge_contents(
            oracle::contents_as(&db, &families, &self.reading(u64::MAX))?,
            mode,
        )?;
        if self.setting.work == Work::Timestamps {
            self.judge_past(&db, &families, last[0])?;
        }
        Ok((last, db.latest_sequence_number()))
    }

    fn judge_writable(&self, image: &Path, options: &OpenOptions) -> Result<Vec<u64>> {
        let families = oracle::column_families(image, options)?;
        let db = oracle::open(image, options)?;
        let found = oracle::contents_as(&db, &families, &self.reading(u64::MAX))?;
        self.judge_contents(found, "the recovered database")
    }

    /// How to read what was there at a timestamp, where there are any.
    fn reading(&self, timestamp: u64) -> Reading {
        let timestamp = timestamp.to_le_bytes().to_vec();
        Reading {
            timestamp: (self.setting.work == Work::Timestamps).then_some(timestamp),
        }
    }

    /// The last batch of each lane, if everything is as it must be after these.
    fn judge_contents(&self, mut found: DatabaseContents, what: &str) -> Result<Vec<u64>> {
        let last = self.last_batches(&found)?;
        self.judge_order(&mut found, &last)?;
        match self.setting.forgets_after {
            None => self.judge_state(&found, &last, what)?,
            Some(batches) => self.judge_remembered(&found, &last, batches, what)?,
        }
        Ok(last)
    }

    /// The last batch of each lane, on which all column families agree.
    fn last_batches(&self, found: &DatabaseContents) -> Result<Vec<u64>> {
        let last_batch = |lane| {
            let read = |family| number(found.get(family, &history::counter_key(lane)));
            let numbers: Vec<u64> = FAMILIES.iter().map(|family| read(family)).collect();
            if numbers.iter().any(|number| *number != numbers[0]) {
                return Err(wrong(format!(
                    "the column families end at different batches of lane {lane}: {numbers:?}"
                )));
            }
            Ok(numbers[0])
        };
        (0..self.setting.lanes).map(last_batch).collect()
    }

    /// What a lane had seen of the others when it wrote its last batch is there.
    fn judge_order(&self, found: &mut DatabaseContents, last: &[u64]) -> Result<()> {
        for lane in 0..self.setting.lanes {
            let key = history::seen_key(lane);
            let seen = found.get(FAMILIES[0], &key).unwrap_or_default().to_vec();
            found.delete(FAMILIES[0], &key);
            for (other, seen) in seen.chunks(8).map(|bytes| number(Some(bytes))).enumerate() {
                if last[other] < seen {
                    return Err(wrong(format!(
                        "lane {other} ends at {}, but lane {lane} had seen it acknowledged up to {seen}",
                        last[other]
                    )));
                }
            }
        }
        Ok(())
    }

    fn judge_state(&self, found: &DatabaseContents, last: &[u64], what: &str) -> Result<()> {
        let states = self.history.states_after(last);
        let mut found = found.clone();
        if self.families_lag {
            self.forget_lagging(&mut found, &states);
        }
        let differences: Vec<String> = states
            .iter()
            .filter_map(|state| state.difference(&found))
            .collect();
        if differences.len() < states.len() {
            return Ok(());
        }
        Err(ProofError::Differs {
            what: format!("{what}, after the batches {last:?}"),
            difference: differences.join("; or "),
        })
    }

    /// Leaves column families out that may be there though they are in none of these states.
    fn forget_lagging(&self, found: &mut DatabaseContents, states: &[DatabaseContents]) {
        let is_in = |state: &DatabaseContents, name: &str| state.family_names().any(|family| family == name);
        let names: Vec<String> = found.family_names().map(str::to_owned).collect();
        for name in names {
            if states.iter().any(|state| is_in(state, &name)) {
                continue;
            }
            let here = found.family_alone(&name);
            let dropped = self.history.as_dropped(&name);
            if here.key_count() == 0 || dropped.is_some_and(|dropped| dropped == here) {
                found.drop_family(&name);
            }
        }
    }

    /// Whatever is there is right, and of the last batches nothing is missing.
    fn judge_remembered(
        &self,
        found: &DatabaseContents,
        last: &[u64],
        batches: u64,
        what: &str,
    ) -> Result<()> {
        let newest = self.history.newest_of(last, batches);
        let all = self.history.states_after(last).swap_remove(0);
        for (part, whole) in [(found, &all), (&newest, found)] {
            if let Some(difference) = whole.lacking(part) {
                return Err(ProofError::Differs {
                    what: format!("{what}, after the batches {last:?}"),
                    difference,
                });
            }
        }
        Ok(())
    }

    /// Versions with older timestamps, as far as the history must reach, are there too.
    fn judge_past(&self, db: &rocksdb::DB, families: &[String], last: u64) -> Result<()> {
        let past = last.saturating_sub(HISTORY_KEPT / 2);
        if past == 0 {
            return Ok(());
        }
        let found = oracle::contents_as(db, families, &self.reading(past))?;
        self.judge_state(&found, &[past], "the history")
    }

    /// The long transaction is found prepared, and can be committed.
    fn judge_prepared(&self, image: &Path, options: &OpenOptions, last: &[u64]) -> Result<u64> {
        let last = last.first().copied().unwrap_or_default();
        let done = 0..=self.history.actions_before(last + 1).len();
        let allowed: Vec<Option<String>> = done
            .map(|done| self.history.prepared_after(last, done).map(long_name))
            .collect();
        let how = TransactionDBOptions::default();
        let families = oracle::descriptors(image, options)?;
        let db: TransactionDB =
            TransactionDB::open_cf_descriptors(&options.to_rocksdb()?, &how, image, families)
                .map_err(ProofError::database("open the image for transactions"))?;
        let (mut found, mut count) = (Vec::new(), 0);
        for transaction in db.prepared_transactions() {
            count += 1;
            let name = String::from_utf8_lossy(&transaction.get_name().unwrap_or_default()).into_owned();
            if name.starts_with("long-") {
                found.push(name.clone());
            } else if name != format!("batch-{}", last + 1) {
                return Err(wrong(format!("after batch {last}, {name} is found prepared")));
            }
            transaction
                .commit()
                .map_err(ProofError::database("commit what was prepared"))?;
        }
        if found.len() > 1 || !allowed.contains(&found.first().cloned()) {
            return Err(wrong(format!(
                "after batch {last}, {found:?} is found prepared instead of one of {allowed:?}"
            )));
        }
        Ok(count)
    }
}

fn within(last: &[u64], bounds: &Bounds) -> Result<()> {
    let limits = bounds.acknowledged_before.iter().zip(&bounds.begun_after);
    for (lane, (last, (from, to))) in last.iter().zip(limits).enumerate() {
        if last < from || last > to {
            return Err(wrong(format!(
                "lane {lane} ends at {last}, which is not between {from}, acknowledged before the start, and {to}"
            )));
        }
    }
    Ok(())
}

fn same(first: &mut Option<Vec<u64>>, last: Vec<u64>, what: &str) -> Result<()> {
    let first = first.get_or_insert_with(|| last.clone());
    if *first == last {
        Ok(())
    } else {
        Err(wrong(format!("{what} ends at {last:?} instead of {first:?}")))
    }
}

fn number(bytes: Option<&[u8]>) -> u64 {
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).unwrap_or_default()
}

fn wrong(difference: String) -> ProofError {
    ProofError::Differs {
        what: "the image".to_owned(),
        difference,
    }
}
