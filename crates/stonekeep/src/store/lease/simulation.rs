//! A store and clocks that exist in memory only, for tests: time passes when somebody sleeps.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::objects::{Found, LeaseObjects, Listed, Overwritten, Version};
use super::{Ground, LeaseClock, Times};
use crate::store::machine::{Repeat, Repeating, repeat_on_thread};
use crate::store::stop::Stop;
use crate::sync::{Mutex, MutexGuard};
use crate::{Error, ErrorKind, Result};

type Event = Box<dyn FnOnce() + Send>;

/// One store, and true time.
#[derive(Default)]
pub(super) struct World {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// True time since the beginning.
    time: Duration,
    events: Vec<(Duration, Event)>,
    objects: BTreeMap<String, (Vec<u8>, SystemTime, u64)>,
    versions: u64,
    /// Names that listings show although nothing is there.
    ghosts: Vec<String>,
    /// Names that cannot be deleted.
    fixed: Vec<String>,
    /// Rewritten objects keep the time of their first version.
    keeps_first_time: bool,
    ignores_conditions: bool,
    /// No sleep is shorter.
    shortest_sleep: Duration,
}

/// The time that the store shows at the beginning.
pub(super) fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

impl World {
    pub(super) fn new() -> Arc<World> {
        Arc::new(World::default())
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    pub(super) fn time(&self) -> Duration {
        self.inside().time
    }

    /// Lets time pass; what is due happens at its time.
    pub(super) fn pass(&self, time: Duration) {
        let until = self.time() + time;
        loop {
            let due = {
                let mut inside = self.inside();
                let next = inside
                    .events
                    .iter()
                    .enumerate()
                    .filter(|(_, (at, _))| *at <= until)
                    .min_by_key(|(_, (at, _))| *at)
                    .map(|(index, _)| index);
                next.map(|index| {
                    let (at, event) = inside.events.remove(index);
                    inside.time = inside.time.max(at);
                    event
                })
            };
            match due {
                Some(event) => event(),
                None => break,
            }
        }
        let mut inside = self.inside();
        inside.time = inside.time.max(until);
    }

    pub(super) fn after(&self, time: Duration, event: impl FnOnce() + Send + 'static) {
        let at = self.time() + time;
        self.inside().events.push((at, Box::new(event)));
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.inside().objects.keys().cloned().collect()
    }

    pub(super) fn content(&self, name: &str) -> String {
        String::from_utf8(self.inside().objects[name].0.clone()).unwrap()
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) {
        self.inside().write(name, content);
    }

    pub(super) fn remove(&self, name: &str) {
        self.inside().objects.remove(name);
    }

    pub(super) fn show_ghost(&self, name: &str) {
        self.inside().ghosts.push(name.to_owned());
    }

    pub(super) fn fix(&self, name: &str) {
        self.inside().fixed.push(name.to_owned());
    }

    pub(super) fn keep_first_times(&self) {
        self.inside().keeps_first_time = true;
    }

    pub(super) fn ignore_conditions(&self) {
        self.inside().ignores_conditions = true;
    }

    /// Who waits for long looks only a few times.
    #[cfg(shuttle)]
    pub(super) fn sleep_at_least(&self, time: Duration) {
        self.inside().shortest_sleep = time;
    }

    /// A host that sees no locks of the others.
    pub(super) fn host(self: &Arc<Self>) -> Host {
        Host {
            client: Arc::new(Client {
                world: Arc::clone(self),
                faults: Mutex::default(),
            }),
            clock: Arc::new(HostClock {
                world: Arc::clone(self),
                wall: Mutex::new(begin()),
            }),
        }
    }
}

impl Inside {
    fn write(&mut self, name: &str, content: &[u8]) {
        self.versions += 1;
        let now = begin() + Duration::from_secs(self.time.as_secs());
        let first = self.objects.get(name).map(|object| object.1);
        let modified = first.filter(|_| self.keeps_first_time).unwrap_or(now);
        let object = (content.to_owned(), modified, self.versions);
        self.objects.insert(name.to_owned(), object);
    }
}

/// One machine with a client of the store.
pub(super) struct Host {
    pub(super) client: Arc<Client>,
    pub(super) clock: Arc<HostClock>,
}

impl Host {
    pub(super) fn ground(&self) -> Ground {
        Ground {
            objects: self.client.clone(),
            clock: self.clock.clone(),
            times: Times::default(),
            stop: Stop::default(),
            lock_directories: Vec::new(),
            location: "s3://bucket/p".to_owned(),
        }
    }
}

/// Clocks of a host: the same intervals as true time, and a wall clock that may be wrong.
pub(super) struct HostClock {
    world: Arc<World>,
    /// What it shows at the beginning of true time.
    wall: Mutex<SystemTime>,
}

impl HostClock {
    pub(super) fn set_ahead(&self, time: Duration) {
        *self.wall.lock().unwrap() = begin() + time;
    }

    pub(super) fn set_behind(&self, time: Duration) {
        *self.wall.lock().unwrap() = begin() - time;
    }
}

impl std::fmt::Debug for HostClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostClock")
    }
}

impl LeaseClock for HostClock {
    fn boottime(&self) -> Duration {
        self.world.time()
    }

    fn wall(&self) -> SystemTime {
        *self.wall.lock().unwrap() + self.world.time()
    }

    fn sleep(&self, time: Duration) {
        let shortest = self.world.inside().shortest_sleep;
        self.world.pass(time.max(shortest));
    }

    fn repeat(&self, name: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>> {
        repeat_on_thread(name, first, work)
    }
}

/// What goes wrong with the requests of a client.
#[derive(Default)]
pub(super) struct Faults {
    /// The next writes are carried out, but their answers are lost.
    pub(super) lost_answers: u32,
    /// No request is carried out.
    pub(super) is_cut_off: bool,
    /// The client dies after so many requests that change something.
    pub(super) dies_after: Option<u32>,
    /// What happens just before the next overwrite.
    pub(super) before_overwrite: Option<Event>,
    /// What happens between the next put and its answer.
    pub(super) during_put: Option<Event>,
    /// How long the next overwrite takes to be answered.
    pub(super) slow: Duration,
}

pub(super) struct Client {
    world: Arc<World>,
    faults: Mutex<Faults>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    fn reach(&self) -> Result<()> {
        if self.faults().is_cut_off {
            return Err(failed());
        }
        Ok(())
    }

    fn change(&self) -> Result<()> {
        self.reach()?;
        let mut faults = self.faults();
        match &mut faults.dies_after {
            Some(0) => {
                faults.is_cut_off = true;
                Err(failed())
            }
            Some(rest) => {
                *rest -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn answer(&self) -> Result<()> {
        let during = self.faults().during_put.take();
        if let Some(event) = during {
            event();
        }
        let mut faults = self.faults();
        if faults.lost_answers == 0 {
            return Ok(());
        }
        faults.lost_answers -= 1;
        Err(failed())
    }
}

fn failed() -> Error {
    Error::new(ErrorKind::Io, "no answer")
}

impl LeaseObjects for Client {
    fn put_new(&self, name: &str, content: &[u8]) -> Result<()> {
        self.change()?;
        self.world.inside().write(name, content);
        self.answer()
    }

    fn overwrite(&self, name: &str, content: &[u8], read: &Version) -> Result<Overwritten> {
        self.change()?;
        let before = self.faults().before_overwrite.take();
        if let Some(event) = before {
            event();
        }
        let slow = std::mem::take(&mut self.faults().slow);
        {
            let mut inside = self.world.inside();
            let there = inside.objects.get(name).map(|object| object.2.to_string());
            let is_any = read.e_tag.is_none() || inside.ignores_conditions;
            if there != read.e_tag && !is_any {
                return Ok(Overwritten::Changed);
            }
            inside.write(name, content);
        }
        self.world.pass(slow);
        self.answer()?;
        Ok(Overwritten::Done)
    }

    fn list(&self) -> Result<Vec<Listed>> {
        self.reach()?;
        let inside = self.world.inside();
        let ghosts = inside.ghosts.iter().map(|name| Listed {
            name: name.clone(),
            modified: begin(),
        });
        let objects = inside.objects.iter().map(|(name, object)| Listed {
            name: name.clone(),
            modified: object.1,
        });
        Ok(objects.chain(ghosts).collect())
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        self.reach()?;
        Ok(self.world.inside().objects.get(name).map(|object| Found {
            content: object.0.clone(),
            version: Version {
                e_tag: Some(object.2.to_string()),
                version: None,
            },
        }))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.change()?;
        let mut inside = self.world.inside();
        if inside.fixed.iter().any(|fixed| fixed == name) {
            return Err(Error::refused("the object is locked"));
        }
        inside.objects.remove(name);
        Ok(())
    }
}
