//! The clocks that a lease is kept by.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::store::machine::{Machine, Repeat, Repeating, repeat_on_thread};
use crate::{Clock, SystemClock};

/// Own time: how long something took, and what the wall clock of this machine shows.
pub(crate) trait LeaseClock: fmt::Debug + Send + Sync {
    /// The time since the machine started. It goes on while the machine sleeps and while the process is stopped, and never
    /// jumps: every interval is counted by it.
    fn boottime(&self) -> Duration;
    /// The wall clock. It may be wrong, and is only compared with that of the store, since signatures go by it.
    fn wall(&self) -> SystemTime;
    /// Waits.
    fn sleep(&self, time: Duration);
    /// Repeats work beside the caller, as [`Machine::repeat`] does.
    fn repeat(&self, name: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>>;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BootClock;

impl LeaseClock for BootClock {
    fn boottime(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    fn wall(&self) -> SystemTime {
        SystemClock.now()
    }

    fn sleep(&self, time: Duration) {
        SystemClock.sleep(time);
    }

    fn repeat(&self, name: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>> {
        repeat_on_thread(name, first, work)
    }
}

/// The clocks of another machine.
#[derive(Debug)]
pub(crate) struct ClockOf {
    machine: Arc<dyn Machine>,
    /// What its intervals are counted from.
    start: Instant,
}

impl ClockOf {
    pub(crate) fn new(machine: Arc<dyn Machine>) -> Self {
        let start = machine.instant();
        ClockOf { machine, start }
    }
}

impl LeaseClock for ClockOf {
    fn boottime(&self) -> Duration {
        self.machine.instant().saturating_duration_since(self.start)
    }

    fn wall(&self) -> SystemTime {
        self.machine.now()
    }

    fn sleep(&self, time: Duration) {
        self.machine.sleep(time);
    }

    fn repeat(&self, name: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>> {
        self.machine.repeat(name, first, work)
    }
}

/// The store's clock, known from an object with a fresh name that was written at a known own time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreClock {
    /// What the store says that it was written at. Some stores cut off the fraction of the second.
    modified: SystemTime,
    /// The own time when its writing was acknowledged.
    acknowledged: Duration,
}

impl StoreClock {
    /// `acknowledged` is the own time at which the put had been answered.
    pub(crate) fn new(modified: SystemTime, acknowledged: Duration) -> Self {
        StoreClock {
            modified,
            acknowledged,
        }
    }

    /// The time that it is at least, at this own time.
    pub(crate) fn now(&self, boottime: Duration) -> SystemTime {
        self.modified + boottime.saturating_sub(self.acknowledged)
    }

    /// How far the wall clock is ahead of the store's, at most; zero if it is behind.
    pub(crate) fn lead(&self, clock: &dyn LeaseClock) -> Duration {
        let now = self.now(clock.boottime());
        clock.wall().duration_since(now).unwrap_or_default()
    }

    /// How far the wall clock is behind the store's, at least; zero if it is ahead.
    pub(crate) fn lag(&self, clock: &dyn LeaseClock) -> Duration {
        let now = self.now(clock.boottime());
        now.duration_since(clock.wall()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boottime_goes_on() {
        let start = BootClock.boottime();
        assert!(start > Duration::ZERO);
        BootClock.sleep(Duration::from_millis(5));
        assert!(BootClock.boottime() >= start + Duration::from_millis(5));
    }
}
