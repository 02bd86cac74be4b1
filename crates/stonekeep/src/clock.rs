//! The clock that the library gets the time from.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// The source of time for the library. Tests replace it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present time, as it goes into meta files.
    fn now(&self) -> SystemTime;
    /// A time that never goes back, for rates and time limits.
    fn instant(&self) -> Instant;
    /// Waits, as a rate limiter does.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
