//! A client: it runs one command after the other, and holds each to what it may do.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use stonekeep::engine::collect::DEFAULT_MIN_AGE;
use stonekeep::store::{LockWait, Store};
use stonekeep::{BackupEngine, BackupEngineReadOnly, Components, ErrorKind, Observer};

use super::clock::SimulatedClock;
use super::engine_options::options;
use super::history::History;
use super::process::Process;
use super::weather::{Weather, first_skew};

/// See the [module](self).
pub(super) struct Client {
    pub(super) history: Arc<History>,
    number: usize,
    /// Its database.
    pub(super) database: usize,
    clock: Arc<SimulatedClock>,
    weather: Weather,
    commands: u32,
    /// How often a command of it is killed, of a hundred.
    kills: u32,
    /// The longest time between two commands.
    idle: Duration,
}

impl Client {
    pub(super) fn new(history: &Arc<History>, number: usize, rng: &mut Rng) -> Self {
        Client {
            history: Arc::clone(history),
            number,
            database: rng.usize(0..2) * rng.usize(0..2),
            clock: Arc::new(SimulatedClock::new(&history.schedule, first_skew(rng))),
            weather: Weather::any(rng),
            commands: rng.u32(2..=6),
            kills: [0, 0, 10, 40][rng.usize(0..4)],
            idle: Duration::from_secs([1, 60, 7_200, 100_000][rng.usize(0..4)]),
        }
    }

    /// How many commands it runs.
    pub(super) fn commands(&self) -> u32 {
        self.commands
    }

    /// How long it does nothing before the next command.
    pub(super) fn idle(&self) -> Duration {
        self.draw(|rng| self.idle.mul_f64(rng.f64()))
    }

    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        self.history.schedule.draw(draw)
    }

    /// The next run of a command.
    pub(super) fn start(&self, command: &'static str) -> Run {
        let run = self.history.next_run();
        let (dies, wait) = self.draw(|rng| {
            let dies = rng.u32(0..100) < self.kills;
            let most = [5, 50, 300][rng.usize(0..3)];
            (dies.then(|| rng.u32(0..most)), rng.u32(0..3))
        });
        let (schedule, trace) = (&self.history.schedule, &self.history.trace);
        let name = format!("client {} run {run} {command}", self.number);
        let process =
            Process::new(schedule, &self.clock, self.number, name, self.weather, trace).killed_after(dies);
        process.say(|| "begins".to_owned());
        Run {
            process: Arc::new(process),
            number: run,
            clock: Arc::clone(&self.clock),
            history: Arc::clone(&self.history),
            command,
            wait: match wait {
                0 => LockWait::Fail,
                1 => LockWait::AtMost(Duration::from_secs(600)),
                _ => LockWait::AtMost(Duration::from_secs(7_200)),
            },
            min_age: DEFAULT_MIN_AGE,
        }
    }
}

/// One run of a command.
pub(super) struct Run {
    pub(super) process: Arc<Process>,
    /// Of all runs of all clients.
    pub(super) number: u64,
    clock: Arc<SimulatedClock>,
    pub(super) history: Arc<History>,
    command: &'static str,
    wait: LockWait,
    /// What is younger than this and of unknown origin stays.
    pub(super) min_age: Duration,
}

impl Run {
    fn store(&self, site: usize) -> stonekeep::Result<Store> {
        let (history, run) = (Arc::clone(&self.history), self.number);
        let (process, min_age) = (Arc::clone(&self.process), self.min_age);
        let watch = Arc::new(move |key: &str| {
            // Whoever's clock is wrong, or was set meanwhile, misjudges ages.
            let min_age = (site == 0 && !process.was_disturbed()).then_some(min_age);
            history.changed(site, run, min_age, key);
        });
        let store = self.history.sites[site].store(&self.process, watch);
        store.map_err(|error| stonekeep::Error::invalid(error.to_string()))
    }

    fn components(&self) -> Components {
        Components::default().with_clock(Arc::clone(&self.clock) as _)
    }

    /// What writes.
    pub(super) fn engine(&self, site: usize) -> stonekeep::Result<BackupEngine> {
        let options = options().with_lock_wait(self.wait);
        let engine = BackupEngine::open(options, self.store(site)?)?;
        Ok(engine.with_components(self.components()))
    }

    /// What reads.
    pub(super) fn reader(&self, site: usize) -> stonekeep::Result<BackupEngineReadOnly> {
        let engine = BackupEngineReadOnly::open(options(), self.store(site)?)?;
        Ok(engine.with_components(self.components()))
    }

    /// The end of it. An error that nothing explains is a broken promise.
    pub(super) fn ends<T>(&self, ended: &stonekeep::Result<T>, expected: &[ErrorKind]) {
        let what = match ended {
            Ok(_) => "done".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        self.process.say(|| match ended {
            Ok(_) => "ENDS: done".to_owned(),
            Err(error) => format!("ENDS: {}", error.one_line()),
        });
        self.history
            .count(format!("{} {}: {what}", self.history.kind(), self.command));
        let Err(error) = ended else { return };
        let is_expected = match error.kind() {
            ErrorKind::Locked => true,
            ErrorKind::Io | ErrorKind::Stopped => self.process.was_disturbed(),
            ErrorKind::Corrupt => expected.contains(&ErrorKind::Corrupt),
            kind => expected.contains(&kind) || self.process.was_disturbed(),
        };
        if !is_expected {
            self.fails(&format!("fails without need: {}", error.one_line()));
        }
    }

    /// A broken promise.
    pub(super) fn fails(&self, what: &str) {
        let (name, now) = (&self.process.name, self.history.schedule.now().as_secs());
        self.history.schedule.fail(format!("{name} at {now} s: {what}"));
    }
}

/// It stops when its process is dead.
impl Observer for Run {
    fn should_stop(&self) -> bool {
        self.process.is_dead()
    }
}
