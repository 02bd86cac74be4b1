//! Probes that provoke races in a capture.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use stonekeep::image::hot::{Probe, Step};

/// Waits before each step, and before each file is opened; for a second in all, then once in a while only, or a
/// database that changes hundreds of times in a second would never be captured.
#[derive(Debug)]
pub struct Jitter(Mutex<Waits>);

#[derive(Debug)]
struct Waits {
    random: fastrand::Rng,
    left: Duration,
}

impl Jitter {
    const AT_MOST: Duration = Duration::from_millis(2);
    const IN_ALL: Duration = Duration::from_secs(1);
    /// Of so many steps one waits when that time is over.
    const RARELY: u32 = 64;

    /// Times that derive from this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Waits {
            random: fastrand::Rng::with_seed(seed),
            left: Self::IN_ALL,
        }))
    }
}

impl Probe for Jitter {
    fn at(&self, _: Step) {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.left.is_zero() && waits.random.u32(..Self::RARELY) > 0 {
            return;
        }
        let time = Self::AT_MOST.mul_f64(waits.random.f64());
        waits.left = waits.left.saturating_sub(time);
        sleep(time);
    }
}

/// Waits before the last look only, so that something will have changed: with a writer that is fast the strict rule does
/// not close, and the fallback rule must.
#[derive(Debug)]
pub struct LateLook;

impl Probe for LateLook {
    fn at(&self, step: Step) {
        if step == Step::Close {
            sleep(Duration::from_millis(10));
        }
    }
}

/// The negative control: the capture goes on whatever was added to the MANIFEST while it waited.
#[derive(Debug)]
pub struct Blind {
    wait: Duration,
    /// It waits once for each state: if it waited between the two listings of the WALs, it could end up with none, and
    /// be refused instead of wrong.
    has_waited: AtomicBool,
}

impl Blind {
    const SHORTEST: Duration = Duration::from_millis(25);
    /// How often the wait is doubled.
    const DOUBLED: u64 = 5;

    /// For the image with this number: one machine's writer needs milliseconds to flush and compact, another's a second.
    pub fn new(image: u64) -> Self {
        Self {
            wait: Self::SHORTEST * (1 << (image % Self::DOUBLED)),
            has_waited: AtomicBool::new(false),
        }
    }
}

impl Probe for Blind {
    fn at(&self, step: Step) {
        match step {
            Step::ReadState => self.has_waited.store(false, Ordering::Relaxed),
            Step::ListWals if !self.has_waited.swap(true, Ordering::Relaxed) => sleep(self.wait),
            _ => {}
        }
    }

    fn ignores_closing_check(&self) -> bool {
        true
    }
}
