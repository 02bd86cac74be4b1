//! Whether a restored database is the one state that is allowed at its point.

use std::path::Path;
use std::time::{Duration, SystemTime};

use stonekeep::engine::restore::{PointReport, PointTarget};

use crate::hot::history::{History, Work};
use crate::hot::journal::Times;
use crate::hot::settings::Setting;
use crate::hot::verifier::{Bounds, Found, Verifier};
use crate::{ProofError, Result};

const MILLISECOND_NS: u64 = 1_000_000;
/// No record of a long transaction has more keys.
const KEYS_OF_COMMIT: u64 = 4;

/// What is known of what a writer has written.
#[derive(Clone, Debug)]
pub struct Judge {
    setting: &'static Setting,
    history: History,
    verifier: Verifier,
    /// The times of each lane.
    pub times: Vec<Times>,
    /// The last batch of each lane that was acknowledged at all.
    pub acknowledged: Vec<u64>,
    /// The last batch of each lane that was begun at all.
    pub begun: Vec<u64>,
}

impl Judge {
    /// Of a writer that has ended, and left this.
    pub fn new(setting: &'static Setting, seed: u64, times: Vec<Times>, written: Bounds) -> Self {
        Self {
            setting,
            history: setting.history(seed),
            verifier: Verifier::new(setting, seed).of_points(),
            times,
            acknowledged: written.acknowledged_before,
            begun: written.begun_after,
        }
    }

    /// Opens, reads and changes the restored database.
    ///
    /// # Errors
    /// RocksDB's; what is wrong.
    pub fn judge(&self, target: PointTarget, point: &PointReport, restored: &Path) -> Result<Found> {
        let found = self.verifier.find(restored, &self.bounds(target, point))?;
        let reported = point.sequence_number..=point.sequence_number_highest;
        if !reported.contains(&found.sequence) {
            return Err(wrong(format!(
                "RocksDB finds sequence number {}, where {reported:?} is reported",
                found.sequence
            )));
        }
        if let Some((reported, found)) = point.prepared_transactions.zip(found.prepared)
            && reported != found
        {
            return Err(wrong(format!(
                "{found} transactions are prepared, where {reported} are reported"
            )));
        }
        if let PointTarget::Sequence(wanted) = target {
            self.judge_sequence(wanted, &found)?;
        }
        Ok(found)
    }

    /// All that was acknowledged when the segment before was measured is there, and nothing that was begun later than the time asked
    /// for, or than the segment of the point.
    fn bounds(&self, target: PointTarget, point: &PointReport) -> Bounds {
        let at_least = |times: &Times| {
            let before_ms = point.measured_before_ms.unwrap_or_default();
            times.acknowledged_by(u64::try_from(before_ms).unwrap_or_default() * MILLISECOND_NS)
        };
        let until = match (target, point.measured_ms) {
            (PointTarget::Time(time), _) => nanoseconds(time),
            // It is rounded down.
            (_, Some(measured_ms)) => (u64::try_from(measured_ms).unwrap_or_default() + 1) * MILLISECOND_NS,
            (_, None) => u64::MAX,
        };
        let is_latest = matches!(target, PointTarget::Latest);
        Bounds {
            acknowledged_before: if is_latest {
                self.acknowledged.clone()
            } else if matches!(target, PointTarget::Sequence(_)) {
                vec![0; self.acknowledged.len()]
            } else {
                self.times.iter().map(at_least).collect()
            },
            begun_after: self.times.iter().map(|times| times.begun_by(until)).collect(),
        }
    }

    /// It is the last record up to the number. Where several threads write, a record has the batches of several.
    fn judge_sequence(&self, wanted: u64, found: &Found) -> Result<()> {
        let next = self
            .history
            .batch(0, found.last.first().copied().unwrap_or_default() + 1);
        let longest = KEYS_OF_COMMIT.max(next.len() as u64);
        let is_last = found.last.len() > 1
            || self.setting.work == Work::Ingestion
            || wanted < found.sequence.saturating_add(longest);
        if found.sequence <= wanted && is_last {
            return Ok(());
        }
        Err(wrong(format!(
            "sequence number {wanted} was asked for, and it ends at {}, where the next record has {longest}",
            found.sequence
        )))
    }

    /// Whether a point that is said to be of this time holds anything later, without restoring it: an error if so, otherwise for how
    /// long before that time something had been acknowledged that is not in it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge_time(&self, time: SystemTime, point: &PointReport) -> Result<Duration> {
        let time_ns = nanoseconds(time);
        let mut missing = 0;
        for (lane, times) in self.times.iter().enumerate() {
            for (number, acknowledged) in times.acknowledgements() {
                let Some(sequence) = acknowledged.sequence else {
                    continue;
                };
                let is_in = sequence <= point.sequence_number;
                let begun = times.begun(number).unwrap_or_default();
                if is_in && begun > time_ns {
                    return Err(wrong(format!(
                        "batch {number} of lane {lane} is in it, and was begun {} ns later",
                        begun - time_ns
                    )));
                }
                if !is_in {
                    missing = missing.max(time_ns.saturating_sub(acknowledged.time_ns));
                    break;
                }
            }
        }
        Ok(Duration::from_nanos(missing))
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

fn wrong(difference: String) -> ProofError {
    ProofError::Differs {
        what: "the restored point".to_owned(),
        difference,
    }
}
