//! One history: what all of its clients share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bucket::Bucket;
use super::clock::SimulatedClock;
use super::databases::Databases;
use super::model::Model;
use super::process::Trace;
use super::schedule::Schedule;
use super::site::Site;
use anyhow::Result;
use fastrand::Rng;

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
    pub(super) fn changed(&self, site: usize, run: u64, min_age: Option<Duration>, key: &str) {
        const OF_READERS: [&str; 2] = ["stonekeep/pins/", "stonekeep/verified/"];
        if OF_READERS.iter().any(|start| key.starts_with(start)) {
            return;
        }
        let now = self.schedule.now();
        let mut model = self.model(site);
        let wrong = model.changes(run, key).err().or_else(|| {
            let age = now.saturating_sub(*model.orphans.get(key)?);
            let is_young = min_age.is_some_and(|min_age| age < min_age);
            is_young.then(|| {
                format!(
                    "run {run} removes {key}, which another engine put {} s ago",
                    age.as_secs()
                )
            })
        });
        drop(model);
        if let Some(wrong) = wrong {
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
}
