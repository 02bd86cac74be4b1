//! How long a request with content may take.
//!
//! The HTTP client does not tell how many bytes of a content the other side has taken, so that nobody sees at which moment they
//! stop. Two times stand for it:
//! - all bytes that are on the way, at a rate that only a line has which is as good as broken. It ends every attempt;
//! - four times what is usual here, once contents have arrived: the slowest of the last ones is the measure, and the line
//!   is taken to be full. It ends a first attempt only, since a line can become slower; then the content is sent again, over
//!   another connection where this one has died.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// What all transfers of a store may hold at a time.
pub(super) const CAPACITY_BYTES: u64 = 96 << 20;

/// A permit is for so many bytes.
pub(super) const UNIT_BYTES: u64 = 1 << 10;

/// A line that is slower than this counts as broken.
const SLOWEST_BYTES_PER_SECOND: u64 = 128 << 10;

/// How long a server may take, besides the time for the bytes.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Less says more about the server than about the line.
const MEASURED_BYTES: u64 = 1 << 20;

/// How many contents are remembered.
const MEASURED: usize = 16;

/// A first attempt may be so many times as slow as what was seen.
const TIMES_SLOWER: u64 = 4;

/// The line that all contents share.
#[derive(Debug)]
pub(super) struct Line {
    permits: Arc<Semaphore>,
    /// Bytes per second, the latest last.
    rates: Mutex<VecDeque<u64>>,
}

/// A content that is being sent.
#[derive(Debug)]
pub(super) struct Sending {
    line: Arc<Line>,
    begun: Instant,
    in_flight_bytes: u64,
    attempts: u32,
}

impl Line {
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        Line {
            permits,
            rates: Mutex::default(),
        }
    }

    pub(super) fn begin(self: &Arc<Self>) -> Sending {
        Sending {
            line: Arc::clone(self),
            begun: Instant::now(),
            in_flight_bytes: self.in_flight_bytes(),
            attempts: 0,
        }
    }

    fn in_flight_bytes(&self) -> u64 {
        let free = self.permits.available_permits() as u64 * UNIT_BYTES;
        CAPACITY_BYTES.saturating_sub(free)
    }

    fn limit(&self, is_first: bool) -> Duration {
        let broken = ANSWER_LIMIT + Duration::from_secs(self.in_flight_bytes() / SLOWEST_BYTES_PER_SECOND);
        let slowest = self.rates().iter().min().copied();
        match slowest.filter(|_| is_first) {
            Some(slowest) => {
                let seconds = CAPACITY_BYTES * TIMES_SLOWER / slowest.max(1);
                broken.min(ANSWER_LIMIT + Duration::from_secs(seconds))
            }
            None => broken,
        }
    }

    fn note(&self, rate: u64) {
        let mut rates = self.rates();
        rates.push_back(rate);
        if rates.len() > MEASURED {
            rates.pop_front();
        }
    }

    fn rates(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    /// How long the next attempt may take.
    pub(super) fn limit(&mut self) -> Duration {
        self.attempts += 1;
        self.line.limit(self.attempts == 1)
    }

    /// So many bytes have arrived. What was on the way with them took no longer.
    pub(super) fn arrived(&self, bytes: u64) {
        let took = self.begun.elapsed().as_micros().max(1);
        if bytes >= MEASURED_BYTES {
            let moved = u128::from(self.in_flight_bytes.max(bytes)) * 1_000_000 / took;
            self.line.note(u64::try_from(moved).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn line(in_flight_bytes: u64) -> Arc<Line> {
        let free = (CAPACITY_BYTES - in_flight_bytes) / UNIT_BYTES;
        Arc::new(Line::new(Arc::new(Semaphore::new(free as usize))))
    }

    #[test]
    fn the_limit_grows_with_the_bytes_on_the_way() {
        assert_eq!(line(0).begin().limit(), ANSWER_LIMIT);
        let half = line(CAPACITY_BYTES / 2).begin().limit();
        assert_eq!(half, ANSWER_LIMIT + Duration::from_secs(384));
    }

    #[test]
    fn a_first_attempt_on_a_line_that_is_known_ends_sooner_and_no_other_one() {
        let line = line(CAPACITY_BYTES);
        line.note(96 * MIB);
        let mut sending = line.begin();
        assert_eq!(sending.limit(), ANSWER_LIMIT + Duration::from_secs(4));
        let whole = ANSWER_LIMIT + Duration::from_secs(768);
        assert_eq!(sending.limit(), whole);
        // The slowest of the last ones counts, and a slow line has the whole time.
        line.note(MIB);
        assert_eq!(line.begin().limit(), ANSWER_LIMIT + Duration::from_secs(384));
        line.note(1);
        assert_eq!(line.begin().limit(), whole);
        for _ in 0..MEASURED {
            line.note(96 * MIB);
        }
        assert_eq!(line.begin().limit(), ANSWER_LIMIT + Duration::from_secs(4));
    }

    #[test]
    fn small_contents_say_nothing_about_the_line() {
        let line = line(CAPACITY_BYTES);
        line.begin().arrived(MEASURED_BYTES - 1);
        assert!(line.rates().is_empty());
        line.begin().arrived(MEASURED_BYTES);
        assert_eq!(line.rates().len(), 1);
    }
}
