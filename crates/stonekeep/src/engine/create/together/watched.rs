//! The observer of one run among others: what it has come to, when it last moved, and whether it is to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Clock, Observer, Phase, Progress};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Watched {
    clock: Arc<dyn Clock>,
    begun: Instant,
    moved_ms: AtomicU64,
    progress: Mutex<Progress>,
    stop: AtomicBool,
}

impl Watched {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Watched {
            begun: clock.instant(),
            clock,
            moved_ms: AtomicU64::new(0),
            progress: Mutex::new(Progress::begin(Phase::WaitingForLock)),
            stop: AtomicBool::new(false),
        }
    }

    /// Asks the run to stop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the run has not moved, while it holds files of the database and does not commit.
    pub(super) fn still_for(&self) -> Duration {
        match self.progress().phase {
            Phase::Planning | Phase::Copying => {
                let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
                self.elapsed().saturating_sub(moved)
            }
            _ => Duration::ZERO,
        }
    }

    /// Something was asked of the run, or it has done something.
    pub(super) fn moved(&self) {
        let now = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(now, Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.begun)
    }
}

impl Observer for Watched {
    fn progressed(&self, progress: &Progress) {
        self.moved();
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = *progress;
    }

    fn should_stop(&self) -> bool {
        self.moved();
        self.stop.load(Ordering::Relaxed)
    }
}
