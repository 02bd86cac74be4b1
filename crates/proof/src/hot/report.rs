//! Counts the images of one database by their judgement.

use std::fmt;
use std::time::Duration;

use stonekeep::image::ClosingRule;

use super::taking::Taken;

/// The images of one database.
#[derive(Clone, Debug)]
pub struct Report {
    /// The setting's name.
    pub setting: &'static str,
    /// How many were tried.
    pub images: u64,
    /// Those that were taken, wrong ones too.
    pub taken: Vec<Taken>,
    /// Those that the capture refused.
    pub refused: Vec<Failure>,
    /// Those that are wrong.
    pub wrong: Vec<Failure>,
}

/// An image that is wrong, or was not taken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The image's number.
    pub number: u64,
    /// How it was taken, and what is wrong.
    pub reason: String,
}

impl Report {
    pub(super) fn new(setting: &'static str) -> Self {
        Self {
            setting,
            images: 0,
            taken: Vec::new(),
            refused: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// The names of what [`fmt::Display`] shows, in columns.
    pub fn heading() -> String {
        format!(
            "{:<32} {:>6} {:>6} {:>4} {:>5} {:>7} {:>8} {:>8} {:>8} {:>9} {:>9} {:>7} {:>5}",
            "setting",
            "images",
            "rounds",
            "max",
            "fallb",
            "again",
            "trimmed",
            "win p50",
            "win max",
            "capt p50",
            "capt max",
            "refused",
            "wrong"
        )
    }

    /// Whether every image was taken and is right.
    pub fn is_good(&self) -> bool {
        self.refused.is_empty() && self.wrong.is_empty()
    }
}

/// A row: rounds in the mean and at most, images closed by the fallback rule, captures that were repeated, bytes trimmed
/// off WALs; and of the images without waits the windows in microseconds and the captures in milliseconds.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = sorted(self.taken.iter().map(|taken| taken.live.rounds));
        let at_full_speed = || self.taken.iter().filter(|taken| !taken.with_waits);
        let windows = sorted(at_full_speed().map(|taken| taken.live.window_us));
        let times = sorted(at_full_speed().filter_map(|taken| taken.capture_time));
        let mean = rounds.iter().sum::<u64>() as f64 / rounds.len().max(1) as f64;
        let fallback = |taken: &&Taken| taken.live.rule == ClosingRule::Fallback;
        write!(
            f,
            "{:<32} {:>6} {:>6.2} {:>4} {:>5} {:>7} {:>8} {:>8} {:>8} {:>9.1} {:>9.1} {:>7} {:>5}",
            self.setting,
            self.images,
            mean,
            rounds.last().copied().unwrap_or_default(),
            self.taken.iter().filter(fallback).count(),
            self.taken.iter().map(|taken| taken.repeated).sum::<u32>(),
            self.taken
                .iter()
                .map(|taken| taken.live.wal_bytes_trimmed)
                .sum::<u64>(),
            middle(&windows).unwrap_or_default(),
            windows.last().copied().unwrap_or_default(),
            milliseconds(middle(&times)),
            milliseconds(times.last().copied()),
            self.refused.len(),
            self.wrong.len(),
        )
    }
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort();
    values
}

fn middle<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len() / 2).copied()
}

fn milliseconds(time: Option<Duration>) -> f64 {
    time.unwrap_or_default().as_secs_f64() * 1000.0
}
