//! The machine of a client, as a store of objects notices it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use stonekeep::Clock;
use stonekeep::store::{Machine, Repeat, Repeating};

use super::clock::SimulatedClock;
use super::schedule::Schedule;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ClientMachine {
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) schedule: Arc<Schedule>,
    /// The client's, whose tasks are stopped together.
    pub(super) number: usize,
}

impl Clock for ClientMachine {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn instant(&self) -> Instant {
        self.clock.instant()
    }

    fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration);
    }
}

impl Machine for ClientMachine {
    fn repeat(&self, _: &str, first: Duration, mut work: Repeat) -> io::Result<Box<dyn Repeating>> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (schedule, over) = (Arc::clone(&self.schedule), Arc::clone(&is_over));
        let repeated = move || {
            let mut pause = first;
            loop {
                schedule.wait(pause);
                if over.load(Ordering::Relaxed) {
                    return;
                }
                match schedule.alone(&mut work) {
                    Some(next) => pause = next,
                    None => return,
                }
            }
        };
        let task = self.schedule.spawn(self.number, Duration::ZERO, repeated);
        Ok(Box::new(Task {
            schedule: Arc::clone(&self.schedule),
            task,
            is_over,
        }))
    }
}

/// A task that repeats work.
#[derive(Debug)]
struct Task {
    schedule: Arc<Schedule>,
    task: usize,
    is_over: Arc<AtomicBool>,
}

impl Repeating for Task {}

impl Drop for Task {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.schedule.join(self.task);
    }
}
