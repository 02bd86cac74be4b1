//! A process: what it asks for takes time, and it can be stopped for a while or killed at any request.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use stonekeep::Error;
use stonekeep::store::{Interceptor, Operation, Refusal};

use super::clock::SimulatedClock;
use super::schedule::Schedule;
use super::weather::Weather;

/// See the [module](self).
pub(super) struct Process {
    pub(super) schedule: Arc<Schedule>,
    pub(super) clock: Arc<SimulatedClock>,
    /// Of the task group in the schedule.
    pub(super) number: usize,
    /// For traces.
    pub(super) name: String,
    pub(super) weather: Weather,
    dead: AtomicBool,
    /// Requests until it is killed; negative: it is not.
    life: AtomicI64,
    /// Whether something has gone wrong with one of its requests.
    disturbed: AtomicBool,
    pub(super) trace: Arc<Trace>,
}

/// The steps of a history, if they are wanted.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) is_wanted: bool,
    pub(super) lines: Mutex<Vec<String>>,
}

impl Trace {
    pub(super) fn add(&self, schedule: &Schedule, who: &str, what: impl FnOnce() -> String) {
        if self.is_wanted {
            let line = format!("{:>12.3} s  {who}: {}", schedule.now().as_secs_f64(), what());
            self.lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    }
}

impl Process {
    /// A process that makes no request yet.
    pub(super) fn new(
        schedule: &Arc<Schedule>,
        clock: &Arc<SimulatedClock>,
        number: usize,
        name: String,
        weather: Weather,
        trace: &Arc<Trace>,
    ) -> Self {
        Process {
            schedule: Arc::clone(schedule),
            clock: Arc::clone(clock),
            number,
            name,
            weather,
            dead: AtomicBool::new(false),
            life: AtomicI64::new(-1),
            disturbed: AtomicBool::new(false),
            trace: Arc::clone(trace),
        }
    }

    pub(super) fn killed_after(self, requests: Option<u32>) -> Self {
        self.life.store(requests.map_or(-1, i64::from), Ordering::Relaxed);
        self
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        self.trace.add(&self.schedule, &self.name, what);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed) || self.schedule.has_failed()
    }

    /// Something of what it did may have failed without a fault of the library.
    pub(super) fn was_disturbed(&self) -> bool {
        self.disturbed.load(Ordering::Relaxed) || self.is_dead() || self.clock.is_wrong()
    }

    pub(super) fn disturb(&self) {
        self.disturbed.store(true, Ordering::Relaxed);
    }

    /// A request is on its way. An error if the process dies before it arrives.
    pub(super) fn sends(&self, what: &dyn fmt::Display) -> std::result::Result<(), ()> {
        if self.is_dead() {
            return Err(());
        }
        if !self.schedule.is_task() {
            return Ok(());
        }
        let delay = self.schedule.draw(|rng| self.mishap(rng));
        self.schedule.wait(delay);
        if self.is_dead() {
            return Err(());
        }
        let life = self.life.load(Ordering::Relaxed);
        if life == 0 {
            self.say(|| format!("KILLED before {what}"));
            self.dead.store(true, Ordering::Relaxed);
            return Err(());
        }
        if life > 0 {
            self.life.store(life - 1, Ordering::Relaxed);
        }
        self.say(|| what.to_string());
        Ok(())
    }

    /// How long until it arrives. The process may be stopped on the way, or somebody sets its clock.
    fn mishap(&self, rng: &mut Rng) -> Duration {
        self.weather.latency(rng)
    }

    /// Stops the process for a while, perhaps.
    pub(super) fn stumble(&self) {
        if !self.schedule.is_task() {
            return;
        }
        let (pause, jump) = self
            .schedule
            .draw(|rng| (self.weather.pause(rng), self.weather.jump(rng)));
        if let Some(seconds) = jump {
            self.say(|| format!("its clock is set to {seconds} s ahead"));
            self.clock.set_ahead(seconds);
            self.disturb();
        }
        if let Some(pause) = pause {
            self.say(|| format!("STOPPED for {} s", pause.as_secs()));
            self.schedule.stop_process(self.number, pause);
            self.schedule.wait(Duration::ZERO);
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Process").field(&self.name).finish()
    }
}

/// The process as a store on its own disk sees it.
pub(super) struct OnDisk {
    pub(super) process: Arc<Process>,
    /// Sees the changes that are made.
    pub(super) watch: Watch,
}

/// Sees which file a run changes.
pub(super) type Watch = Arc<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.process.fmt(f)
    }
}

/// The process where its requests are seen elsewhere.
#[derive(Debug)]
pub(super) struct Alive(pub(super) Arc<Process>);

fn killed() -> Error {
    Error::io("an operation of a dead process", io::Error::other("killed"))
}

impl Interceptor for OnDisk {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        self.process
            .sends(operation)
            .map_err(|()| Refusal::Dies(killed()))?;
        self.process.stumble();
        changes_of(operation).iter().for_each(|key| (self.watch)(key));
        Ok(())
    }

    fn splits_batches(&self) -> bool {
        true
    }

    fn is_dead(&self) -> bool {
        self.process.is_dead()
    }
}

impl Interceptor for Alive {
    fn before(&self, _: &Operation) -> std::result::Result<(), Refusal> {
        if self.0.is_dead() {
            return Err(Refusal::Dies(killed()));
        }
        Ok(())
    }

    fn is_dead(&self) -> bool {
        self.0.is_dead()
    }
}

/// The visible files that an operation makes or removes.
fn changes_of(operation: &Operation) -> Vec<String> {
    match operation {
        Operation::Put { key, .. } | Operation::Delete(key) => vec![key.to_string()],
        Operation::Finish(batch, ..) => batch.iter().map(|(_, key)| key.to_string()).collect(),
        _ => Vec::new(),
    }
}
