//! The clock of a process in simulated time.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use stonekeep::Clock;

use super::schedule::Schedule;

/// The time that every right clock shows in the beginning.
pub(super) fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Whoever wants to wait for less waits so long. The library's short waits differ by chance, which no seed decides.
const SHORTEST_WAIT: Duration = Duration::from_secs(4);

/// A clock whose time of day may be wrong, and whose intervals are right.
pub(super) struct SimulatedClock {
    schedule: Arc<Schedule>,
    /// What the time of day is ahead of the truth, in seconds.
    ahead: Mutex<i64>,
}

impl SimulatedClock {
    pub(super) fn new(schedule: &Arc<Schedule>, ahead_seconds: i64) -> Self {
        SimulatedClock {
            schedule: Arc::clone(schedule),
            ahead: Mutex::new(ahead_seconds),
        }
    }

    /// Whether it is so wrong that a store that compares it with its own may refuse requests.
    pub(super) fn is_wrong(&self) -> bool {
        const TOLERATED_SECONDS: u64 = 30;
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.unsigned_abs() > TOLERATED_SECONDS
    }

    /// Somebody sets it.
    pub(super) fn set_ahead(&self, seconds: i64) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = seconds;
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> SystemTime {
        let true_time = begin() + self.schedule.now();
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let difference = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            true_time - difference
        } else {
            true_time + difference
        }
    }

    fn instant(&self) -> Instant {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        *BEGIN.get_or_init(Instant::now) + self.schedule.now()
    }

    fn sleep(&self, duration: Duration) {
        self.schedule.wait(duration.max(SHORTEST_WAIT));
    }
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedClock")
    }
}
