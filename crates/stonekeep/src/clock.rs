//! Time, so that nothing in the library asks the machine for it directly.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// Where the library gets time from; tests give it another one.
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
