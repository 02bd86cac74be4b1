//! A limit on bytes a second that any number of threads and engines share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Clock;

/// The longest a waiting thread sleeps before it looks again whether the limit changed or somebody asked to stop.
const NAP: Duration = Duration::from_millis(50);

/// What one request costs at most, so that times can be added up.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bytes a second, 0 for no limit; changeable while it is in use. Unused time is not saved up: there is no burst.
#[derive(Debug, Default)]
pub struct RateLimiter {
    bytes_per_second: AtomicU64,
    /// When the bytes let through so far have been paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// A limiter with this rate; 0 means none.
    pub fn new(bytes_per_second: u64) -> Self {
        RateLimiter {
            bytes_per_second: AtomicU64::new(bytes_per_second),
            paid_until: Mutex::new(None),
        }
    }

    /// Changes the rate from now on.
    pub fn set_bytes_per_second(&self, bytes_per_second: u64) {
        let mut paid_until = self.lock();
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
        *paid_until = None;
    }

    /// The present rate; 0 means none.
    pub fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second.load(Ordering::Relaxed)
    }

    /// The most bytes that one request should be for, so that a low rate is held smoothly: a tenth of a second's.
    pub fn request_limit_bytes(&self) -> usize {
        match self.bytes_per_second() {
            0 => usize::MAX,
            rate => usize::try_from((rate / 10).max(1)).unwrap_or(usize::MAX),
        }
    }

    /// Waits until this many bytes may pass, or `should_stop` says yes.
    pub fn acquire(&self, bytes: u64, clock: &dyn Clock, should_stop: &dyn Fn() -> bool) {
        if self.bytes_per_second() == 0 || bytes == 0 {
            return;
        }
        let (rate, due) = {
            let mut paid_until = self.lock();
            let (rate, now) = (self.bytes_per_second(), clock.instant());
            if rate == 0 {
                return;
            }
            let cost = Duration::try_from_secs_f64(bytes as f64 / rate as f64).unwrap_or(LONGEST);
            let due = paid_until.map_or(now, |at| at.max(now)) + cost.min(LONGEST);
            *paid_until = Some(due);
            (rate, due)
        };
        while self.bytes_per_second() == rate && !should_stop() {
            let left = due.saturating_duration_since(clock.instant());
            if left.is_zero() {
                return;
            }
            clock.sleep(left.min(NAP));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.paid_until
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that sleeping moves on.
    #[derive(Debug)]
    struct Sleeper(Instant, Mutex<Duration>);

    impl Sleeper {
        fn new() -> Self {
            Sleeper(Instant::now(), Mutex::default())
        }

        fn slept(&self) -> Duration {
            *self.1.lock().unwrap()
        }
    }

    impl Clock for Sleeper {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH + self.slept()
        }

        fn instant(&self) -> Instant {
            self.0 + self.slept()
        }

        fn sleep(&self, duration: Duration) {
            *self.1.lock().unwrap() += duration;
        }
    }

    #[test]
    fn bytes_take_their_time() {
        let (limiter, clock) = (RateLimiter::new(1000), Sleeper::new());
        for _ in 0..20 {
            limiter.acquire(100, &clock, &|| false);
        }
        assert!(
            (clock.slept().as_secs_f64() - 2.0).abs() < 0.001,
            "{:?}",
            clock.slept()
        );
    }

    #[test]
    fn unused_time_is_not_saved_up() {
        let (limiter, clock) = (RateLimiter::new(1000), Sleeper::new());
        limiter.acquire(10, &clock, &|| false);
        clock.sleep(Duration::from_secs(100));
        let before = clock.slept();
        limiter.acquire(1000, &clock, &|| false);
        assert!((clock.slept() - before).as_secs_f64() > 0.999);
    }

    #[test]
    fn no_limit_and_a_stop_do_not_wait() {
        let (limiter, clock) = (RateLimiter::default(), Sleeper::new());
        limiter.acquire(u64::MAX, &clock, &|| false);
        limiter.set_bytes_per_second(1);
        limiter.acquire(1 << 30, &clock, &|| true);
        assert_eq!(clock.slept(), Duration::ZERO);
    }
}
