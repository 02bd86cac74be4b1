//! One history: its places, its clients, and what is checked in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use stonekeep::{BackupEngine, BackupEngineOptions, Components, InfoDetail, Quiet, VerifyLevel, VerifyWhat};

use super::bucket::Bucket;
use super::client::Client;
use super::clock::SimulatedClock;
use super::databases::Databases;
use super::foreign::Foreign;
use super::model::Model;
use super::process::{Process, Trace};
use super::schedule::Schedule;
use super::site::Site;
use super::weather::{Weather, skew};
use crate::leaks;
use crate::world::options;

/// Longer than any age that a collection asks for.
const LATER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What all clients share.
pub(super) struct History {
    pub(super) schedule: Arc<Schedule>,
    pub(super) databases: Arc<Databases>,
    /// The repository, and the one that backups are copied to.
    pub(super) sites: [Site; 2],
    models: [Mutex<Model>; 2],
    pub(super) trace: Arc<Trace>,
    runs: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl History {
    pub(super) fn new(seed: u64, databases: &Arc<Databases>, is_traced: bool) -> Result<Arc<Self>> {
        let schedule = Schedule::new(seed);
        let clock = Arc::new(SimulatedClock::new(&schedule, 0));
        let sites = if Rng::with_seed(seed).bool() {
            [Site::directory(&clock)?, Site::directory(&clock)?]
        } else {
            let bucket = Bucket::new(&schedule);
            [Site::objects(&bucket, "first"), Site::objects(&bucket, "second")]
        };
        Ok(Arc::new(History {
            sites,
            schedule,
            databases: Arc::clone(databases),
            models: Default::default(),
            trace: Arc::new(Trace {
                is_wanted: is_traced,
                ..Trace::default()
            }),
            runs: AtomicU64::new(0),
            counts: Mutex::default(),
        }))
    }

    /// What must be in a repository. No step is made while this is held.
    pub(super) fn model(&self, site: usize) -> MutexGuard<'_, Model> {
        self.models[site].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next run of a command.
    pub(super) fn next_run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn count(&self, what: String) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A run has changed a file of a repository.
    pub(super) fn changed(&self, site: usize, run: u64, key: &str) {
        const OF_READERS: [&str; 2] = ["stonekeep/pins/", "stonekeep/verified/"];
        if OF_READERS.iter().any(|start| key.starts_with(start)) {
            return;
        }
        if let Err(wrong) = self.model(site).changes(run, key) {
            self.schedule.fail(wrong);
        }
    }

    /// The kind of place, for the counts.
    pub(super) fn kind(&self) -> &'static str {
        self.sites[0].kind()
    }

    /// Looks at both repositories as they are at this moment.
    pub(super) fn check(&self) {
        for (site, name) in self.sites.iter().zip(["the repository", "the copy"]).enumerate() {
            let (place, name) = name;
            if let Err(wrong) = self.model(site).check(place.peek()) {
                self.schedule.fail(format!("{name}: {wrong}"));
            }
        }
    }

    /// Runs it.
    pub(super) fn run(self: &Arc<Self>, seed: u64) -> Result<()> {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let clients = rng.usize(2..=3);
        for _ in 0..rng.usize(1..=2) {
            for number in 0..clients {
                let client = Client::new(self, number, &mut rng);
                let begins = Duration::from_millis(rng.u64(0..5_000));
                self.schedule.spawn(number, begins, move || client.run());
            }
            self.schedule.run();
            self.result()?;
            self.let_others_work(&mut rng)?;
        }
        let last = Arc::clone(self);
        self.schedule.spawn(clients, LATER, move || {
            if let Err(error) = last.end() {
                last.schedule.fail(format!("in the end: {error:#}"));
            }
        });
        self.schedule.run();
        self.result()
    }

    /// RocksDB's engine works in a directory, in some histories.
    fn let_others_work(&self, rng: &mut Rng) -> Result<()> {
        let Site::Directory(memory) = &self.sites[0] else {
            return Ok(());
        };
        let model = &mut *self.model(0);
        model.settle(memory).map_err(anyhow::Error::msg)?;
        for _ in 0..rng.usize(0..4) {
            let states = self.databases.of(rng.usize(0..2));
            let state = &states[rng.usize(0..states.len())];
            let mut foreign = Foreign {
                memory,
                model: &mut *model,
                said: Vec::new(),
            };
            foreign.act(state, rng).context("RocksDB's engine")?;
            for said in &foreign.said {
                self.trace
                    .add(&self.schedule, "RocksDB's engine", || said.clone());
            }
            model.check(memory).map_err(anyhow::Error::msg)?;
            self.count("foreign verbs".to_owned());
        }
        Ok(())
    }

    fn result(&self) -> Result<()> {
        self.schedule.failure().map_or(Ok(()), |failure| bail!(failure))
    }

    /// Nothing is under way any more, and it is days later.
    fn end(&self) -> Result<()> {
        for (index, site) in self.sites.iter().enumerate() {
            self.model(index)
                .settle(site.peek())
                .map_err(anyhow::Error::msg)?;
            let clock = Arc::new(SimulatedClock::new(&self.schedule, 0));
            let name = format!("last look at {index}");
            let process = Process::new(
                &self.schedule,
                &clock,
                usize::MAX,
                name,
                Weather::calm(),
                &self.trace,
            );
            let store = site.store(&Arc::new(process), Arc::new(|_: &str| {}))?;
            if store.list(None)?.is_empty() {
                continue;
            }
            let engine = BackupEngine::open(self.options(), store.clone())?
                .with_components(Components::default().with_clock(clock));
            let collected = engine.garbage_collect(Duration::from_secs(3_600), &Quiet);
            let collected = collected.context("the last collection")?;
            ensure!(
                collected.not_removed.is_empty(),
                "not removed: {:?}",
                collected.not_removed
            );
            let model = self.model(index);
            let there = model.certain();
            drop(model);
            let listed = engine.as_read_only().get_all_backup_info(InfoDetail::Sizes)?;
            let listed = listed.backups.iter().map(|backup| backup.id.get()).collect();
            ensure!(there == listed, "{there:?} must be there, {listed:?} are");
            if !there.is_empty() {
                let verified =
                    engine
                        .as_read_only()
                        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
                ensure!(
                    verified.is_clean(),
                    "{:?} {:?}",
                    verified.findings,
                    verified.unchecked
                );
            }
            self.model(index).check(site.peek()).map_err(anyhow::Error::msg)?;
            leaks::require_none_in(&store, &crate::place::listed(&store)?)?;
        }
        Ok(())
    }

    /// The options of every engine.
    pub(super) fn options(&self) -> BackupEngineOptions {
        options().with_lock_wait(stonekeep::store::LockWait::AtMost(LATER))
    }
}

/// How far the clock of a machine is ahead in the beginning.
pub(super) fn first_skew(rng: &mut Rng) -> i64 {
    if rng.u8(0..4) == 0 { skew(rng) } else { 0 }
}
