//! Counts the points of one database by their judgement.

use std::collections::BTreeMap;
use std::fmt;

use super::told::Said;

/// The points of one database.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The setting's name.
    pub setting: &'static str,
    /// How many were tried.
    pub points: u64,
    /// How many were restored and are right.
    pub right: u64,
    /// Of those, how many replayed records behind the end of a base.
    pub replayed: u64,
    /// Those that were refused for a break, or since they are before or behind all that is there.
    pub explained: Vec<String>,
    /// Those that were refused for no reason that is known.
    pub unexplained: Vec<String>,
    /// Those that are wrong.
    pub wrong: Vec<String>,
    /// What the followers said.
    pub said: Said,
    /// How many batches were written.
    pub batches: u64,
    /// Times that were compared with the times of the writer.
    pub times: u64,
    /// How much was missing of what was acknowledged by the time asked for, in microseconds, sorted.
    pub lag_us: Vec<u64>,
}

impl Report {
    /// Whether every point was restored right, or refused for a reason.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.unexplained.is_empty()
    }

    /// Why points were refused, and how often.
    fn reasons(&self) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for reason in self.explained.iter().chain(&self.unexplained) {
            // Numbers apart they are few.
            let short: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
            *reasons.entry(short).or_default() += 1;
        }
        reasons
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = &self.said;
        let middle = self
            .lag_us
            .get(self.lag_us.len() / 2)
            .copied()
            .unwrap_or_default();
        writeln!(
            f,
            "{}: {} points, {} right ({} of them replayed), {} refused with reason, {} without, {} wrong; {} times, missing {} us in the \
             middle, {} at most; {} batches, {} segments, {} bases, {} streams, continued {}, {} breaks, {} failures",
            self.setting,
            self.points,
            self.right,
            self.replayed,
            self.explained.len(),
            self.unexplained.len(),
            self.wrong.len(),
            self.times,
            middle,
            self.lag_us.last().copied().unwrap_or_default(),
            self.batches,
            said.segments,
            said.bases,
            said.began.len(),
            said.resumed,
            said.breaks.len(),
            said.failures.len(),
        )?;
        for (reason, count) in self.reasons() {
            writeln!(f, "    refused {count}: {reason}")?;
        }
        for reason in said.breaks.iter().chain(&said.failures).take(5) {
            writeln!(f, "    said: {reason}")?;
        }
        for reason in self.wrong.iter().chain(&self.unexplained) {
            writeln!(f, "    WRONG: {reason}")?;
        }
        Ok(())
    }
}
