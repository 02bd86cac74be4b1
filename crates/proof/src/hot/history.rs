//! What a writer writes: numbered batches, and flushes and the like between them, all derived from a seed.

use std::fmt;

/// The column families that every database has.
pub const FAMILIES: [&str; 4] = ["default", "events", "users", "index"];

/// How many keys of the ring there are in a column family, for each lane. A prime, so that every stride reaches all.
pub(super) const RING: u64 = 1499;
/// How many batches a column family that comes and goes stays, less a half.
const STAY: u64 = 300;
/// How many batches there are between two ingestions.
const INGEST_EVERY: u64 = 150;
/// How many keys an ingested table has.
pub(super) const INGESTED_KEYS: u64 = 40;
/// How many batches a prepared transaction is held.
const HOLD: u64 = 1500;
/// How many batches there are between two closings of the database.
const REOPEN_EVERY: u64 = 3000;
/// How many batches there are between two actions on the history of timestamps.
const FORGET_EVERY: u64 = 400;
/// How many batches a key stays that is put once.
pub(super) const ONCE_STAYS: u64 = 50;
/// How many batches of history timestamps keep.
pub(super) const HISTORY_KEPT: u64 = 1000;

/// What a writer does besides its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    Batches,
    /// Creates and drops column families, and writes to those that are there.
    PassingFamilies,
    /// Ingests tables into two column families.
    Ingestion,
    /// Writes each batch as a transaction in two phases, and keeps another one prepared for long.
    TwoPhase,
    /// Writes each batch with its number as the timestamp, and raises the lowest timestamp of the history.
    Timestamps,
    /// Closes the database and opens it again.
    Reopening,
}

/// Something that a writer does between two batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Creates the column family of this number.
    CreateFamily(u64),
    /// Drops it.
    DropFamily(u64),
    /// Ingests a table into a column family.
    Ingest {
        /// Its place in [`FAMILIES`].
        family: usize,
        /// Counted from one.
        round: u64,
    },
    /// Prepares the long transaction of this number.
    Prepare(u64),
    /// Commits it.
    Commit(u64),
    /// Lets go of versions with timestamps below this one.
    Forget(u64),
    /// Closes the database and opens it again.
    Reopen,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The column family.
    pub family: Family,
    /// The key.
    pub key: Vec<u8>,
    /// What happens to it.
    pub operation: Operation,
}

/// What happens to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It gets this value.
    Put(Vec<u8>),
    /// It is deleted.
    Delete,
    /// It is deleted, and was put once.
    SingleDelete,
    /// This is added to its value (`UInt64AddOperator`).
    Add(u64),
}

/// A column family that batches write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One of [`FAMILIES`], by its place.
    Lasting(usize),
    /// One that comes and goes, by its number.
    Passing(u64),
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Family::Lasting(place) => f.write_str(FAMILIES[*place]),
            Family::Passing(number) => write!(f, "passing-{number}"),
        }
    }
}

impl Family {
    fn stride(self) -> u64 {
        const STRIDES: [u64; FAMILIES.len()] = [1, 7, 311, 1009];
        match self {
            Family::Lasting(place) => STRIDES[place],
            Family::Passing(_) => 13,
        }
    }

    /// How many batches after its put a key may be deleted.
    pub(super) fn deleted_after(self) -> u64 {
        match self {
            Family::Lasting(_) => RING / 2 + self.stride() % 100,
            // They do not stay for longer.
            Family::Passing(_) => STAY / 3,
        }
    }

    fn number(self) -> u64 {
        match self {
            Family::Lasting(place) => place as u64,
            Family::Passing(number) => FAMILIES.len() as u64 + number,
        }
    }
}

/// Everything that a writer with this seed ever writes.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// What the values derive from.
    pub seed: u64,
    /// What is done besides batches.
    pub work: Work,
    /// Whether batches add to counters, too, and delete keys that were put once: replaying a batch twice, or not at all, shows.
    pub counts: bool,
}

impl History {
    /// The changes of a batch of a lane, the same each time. Batches are numbered from one, in each lane.
    pub fn batch(&self, lane: usize, number: u64) -> Vec<Change> {
        let mut changes = Vec::with_capacity(16);
        for (family, first) in self.families_of(number) {
            changes.push(Change {
                family,
                key: counter_key(lane),
                operation: Operation::Put(number.to_be_bytes().to_vec()),
            });
            changes.push(Change {
                family,
                key: ring_key(lane, family, number),
                operation: Operation::Put(self.value(lane, family, number)),
            });
            if let Some(put) = deleted_by(family, number).filter(|put| *put >= first) {
                changes.push(Change {
                    family,
                    key: ring_key(lane, family, put),
                    operation: Operation::Delete,
                });
            }
            if self.counts {
                let counted = counting(lane, number, first);
                let counted = counted.into_iter().map(|(key, operation)| Change {
                    family,
                    key,
                    operation,
                });
                changes.extend(counted);
            }
        }
        changes
    }

    /// The column families that a batch writes to, each with the first batch that wrote to it.
    pub(super) fn families_of(&self, number: u64) -> Vec<(Family, u64)> {
        let mut families: Vec<_> = (0..FAMILIES.len())
            .map(|place| (Family::Lasting(place), 1))
            .collect();
        if self.work == Work::PassingFamilies {
            let newest = number / STAY;
            families.extend((newest > 0).then(|| (Family::Passing(newest), newest * STAY)));
            let older = newest.saturating_sub(1);
            if older > 0 && number % STAY < STAY / 2 {
                families.push((Family::Passing(older), older * STAY));
            }
        }
        families
    }

    /// What is done after the batch before this one, in order.
    pub fn actions_before(&self, number: u64) -> Vec<Action> {
        match self.work {
            Work::Batches => Vec::new(),
            Work::PassingFamilies => passing_families(number),
            Work::Ingestion => every(INGEST_EVERY, number, |round| {
                vec![
                    Action::Ingest { family: 1, round },
                    Action::Ingest { family: 2, round },
                ]
            }),
            Work::TwoPhase => every(HOLD, number, |round| {
                let commit = (round > 1).then(|| Action::Commit(round - 1));
                commit.into_iter().chain([Action::Prepare(round)]).collect()
            }),
            Work::Timestamps => every(FORGET_EVERY, number, |_| {
                let below = number.saturating_sub(HISTORY_KEPT);
                (below > 0).then_some(Action::Forget(below)).into_iter().collect()
            }),
            Work::Reopening => every(REOPEN_EVERY, number, |_| vec![Action::Reopen]),
        }
    }

    /// How many batches back an action may still show.
    pub(super) fn reach(&self) -> u64 {
        2 * match self.work {
            Work::PassingFamilies => STAY,
            Work::Ingestion => INGEST_EVERY,
            Work::TwoPhase => HOLD,
            Work::Batches | Work::Timestamps | Work::Reopening => 0,
        }
    }

    /// The value that a batch puts into the ring of a column family: between 8 and 407 bytes that do not compress.
    pub(super) fn value(&self, lane: usize, family: Family, number: u64) -> Vec<u8> {
        self.noise(number, family.number() << 8 | lane as u64, 400)
    }

    /// The keys and values of an ingested table, in byte order.
    pub fn ingested(&self, family: usize, round: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..INGESTED_KEYS)
            .map(|n| {
                let value = self.noise(round, 1 << 40 | (family as u64) << 20 | n, 200);
                (format!("ingested/{n:03}").into_bytes(), value)
            })
            .collect()
    }

    fn noise(&self, number: u64, place: u64, longest: usize) -> Vec<u8> {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mut random = fastrand::Rng::with_seed(self.seed ^ mixed);
        let mut value = vec![0; 8 + random.usize(..longest)];
        random.fill(&mut value);
        value
    }
}

/// The key that holds the number of a lane's last batch, in each column family.
pub fn counter_key(lane: usize) -> Vec<u8> {
    format!("last/{lane}").into_bytes()
}

/// The key in the first column family that holds what a lane knew of the others when it wrote.
pub fn seen_key(lane: usize) -> Vec<u8> {
    format!("seen/{lane}").into_bytes()
}

/// The key that holds the number of the last long transaction, in each column family.
pub fn held_key() -> &'static [u8] {
    b"held"
}

/// What a batch does where batches count.
fn counting(lane: usize, number: u64, first: u64) -> Vec<(Vec<u8>, Operation)> {
    let mut changes = vec![
        (sum_key(lane), Operation::Add(number)),
        (
            once_key(lane, number),
            Operation::Put(number.to_be_bytes().to_vec()),
        ),
    ];
    let put = number.checked_sub(ONCE_STAYS).filter(|put| *put >= first.max(1));
    changes.extend(put.map(|put| (once_key(lane, put), Operation::SingleDelete)));
    changes
}

/// The key that holds the sum of the numbers of a lane's batches.
pub(super) fn sum_key(lane: usize) -> Vec<u8> {
    format!("sum/{lane}").into_bytes()
}

/// A key that only one batch puts.
pub(super) fn once_key(lane: usize, number: u64) -> Vec<u8> {
    format!("once/{lane}/{number:08}").into_bytes()
}

/// The key that a batch puts.
pub(super) fn ring_key(lane: usize, family: Family, number: u64) -> Vec<u8> {
    let slot = number.wrapping_mul(family.stride()) % RING;
    format!("ring/{lane}/{slot:04}").into_bytes()
}

/// The batch whose key a batch deletes, if it deletes one.
fn deleted_by(family: Family, number: u64) -> Option<u64> {
    let put = number.checked_sub(family.deleted_after())?;
    is_deleted(family, put).then_some(put)
}

/// Whether the key that a batch puts is deleted later on.
pub(super) fn is_deleted(family: Family, put: u64) -> bool {
    (put + family.number()).is_multiple_of(3)
}

fn every(period: u64, number: u64, actions: impl FnOnce(u64) -> Vec<Action>) -> Vec<Action> {
    let due = number > 0 && number.is_multiple_of(period);
    if due { actions(number / period) } else { Vec::new() }
}

/// The last batch before a column family is dropped.
pub(super) fn last_batch_of_passing(number: u64) -> u64 {
    (number + 1) * STAY + STAY / 2 - 1
}

/// One is created every [`STAY`] batches; half of that later the one before it goes.
fn passing_families(number: u64) -> Vec<Action> {
    let newest = number / STAY;
    match number % STAY {
        0 if newest > 0 => vec![Action::CreateFamily(newest)],
        half if half == STAY / 2 && newest > 1 => vec![Action::DropFamily(newest - 1)],
        _ => Vec::new(),
    }
}
