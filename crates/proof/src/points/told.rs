//! What a follower says while it runs, and how a test ends it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stonekeep::engine::follow::{FollowEvent, FollowObserver, FollowStatus};

/// Listens to a follower.
#[derive(Debug, Default)]
pub struct Told {
    stop: AtomicBool,
    /// The follower's thread dies at this event from now; 0 if it does not.
    dies_in: AtomicU64,
    /// The follower stops after its next look.
    stops_at_tick: AtomicBool,
    said: Mutex<Said>,
}

/// All that was said.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// How the follower is.
    pub status: FollowStatus,
    /// Streams that were begun, with the reason why none was continued.
    pub began: Vec<String>,
    /// Why no restore may cross some place.
    pub breaks: Vec<String>,
    /// What failed, and was tried again.
    pub failures: Vec<String>,
    /// Bases that were made.
    pub bases: u64,
    /// How often a stream was continued.
    pub resumed: u64,
    /// How many segments were put.
    pub segments: u64,
}

impl Told {
    /// Asks the follower to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Lets the next follower run.
    pub fn go_on(&self) {
        self.stop.store(false, Ordering::Relaxed);
        self.dies_in.store(0, Ordering::Relaxed);
        self.stops_at_tick.store(false, Ordering::Relaxed);
    }

    /// Lets it stop after its next look, as soon as its stream has a base.
    pub fn stop_at_tick(&self) {
        self.stops_at_tick.store(true, Ordering::Relaxed);
    }

    /// Lets the follower's thread die at an event, as if its process were killed there.
    pub fn die_in(&self, events: u64) {
        self.dies_in.store(events, Ordering::Relaxed);
    }

    /// What was said until now.
    pub fn said(&self) -> Said {
        self.lock().clone()
    }

    /// How the follower is.
    pub fn status(&self) -> FollowStatus {
        self.lock().status.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FollowObserver for Told {
    fn happened(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        {
            let mut said = self.lock();
            match event {
                FollowEvent::Began { reason, .. } => {
                    said.began.push(reason.unwrap_or("there was none").to_owned());
                }
                FollowEvent::Resumed { .. } => said.resumed += 1,
                FollowEvent::Broken { reason } => said.breaks.push((*reason).to_owned()),
                FollowEvent::BaseFailed { error, .. } => said.failures.push(format!("a base: {error}")),
                FollowEvent::Failed { error, .. } => said.failures.push(error.to_string()),
                FollowEvent::Base { .. } => said.bases += 1,
                FollowEvent::Segment { .. } => said.segments += 1,
                FollowEvent::Ticked
                    if status.newest_base.is_some() && self.stops_at_tick.load(Ordering::Relaxed) =>
                {
                    self.stop();
                }
                _ => {}
            }
            said.status = status.clone();
        }
        let dies = self.dies_in.load(Ordering::Relaxed);
        if dies > 0 {
            self.dies_in.store(dies - 1, Ordering::Relaxed);
            if dies == 1 {
                // Without the words of a panic: it is what the test wants.
                std::panic::resume_unwind(Box::new("the follower dies here"));
            }
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
