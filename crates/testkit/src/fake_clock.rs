//! A clock that advances only when a test says so, or when a thread sleeps by it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use stonekeep::Clock;

/// A clock for tests. Sleeping takes no time, and puts the clock forward.
#[derive(Debug)]
pub struct FakeClock {
    start: SystemTime,
    start_instant: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    slept: Duration,
}

impl FakeClock {
    /// A clock that shows this time.
    pub fn new(start: SystemTime) -> Self {
        FakeClock {
            start,
            start_instant: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// A clock that shows this many seconds after 1970.
    pub fn at_unix_seconds(seconds: u64) -> Self {
        FakeClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Puts the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.state().elapsed += duration;
    }

    /// How long everybody together has slept.
    pub fn slept(&self) -> Duration {
        self.state().slept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> SystemTime {
        self.start + self.state().elapsed
    }

    fn instant(&self) -> Instant {
        self.start_instant + self.state().elapsed
    }

    fn sleep(&self, duration: Duration) {
        let mut state = self.state();
        state.elapsed += duration;
        state.slept += duration;
        drop(state);
        // Whoever is waited for may be another thread.
        std::thread::yield_now();
    }
}
