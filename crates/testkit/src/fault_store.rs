//! A store that stops working at a chosen step, as if the process had been killed there or the disk had failed.
//!
//! Every operation that changes something is a step, and [`FaultStore::step_names`] lists them, so that a test runs its
//! scenario once to count, and then once for every step with [`FaultStore::kill_at`]. Two operations have more steps
//! than one: publishing has one for each file, and staging has a second one when half of the bytes are written.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use stonekeep::store::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use stonekeep::{Result, Warning};

use crate::faults::{Faults, Stop};

/// The area that a dead pin is made in.
const AREA: &str = "fault-store";
const PIN_LIMIT_BYTES: u64 = 1 << 30;

/// Wraps a store. See the [module](self).
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    faults: Faults,
}

impl FaultStore {
    /// Counts steps only.
    pub fn counting(inner: Arc<dyn Store>) -> Self {
        FaultStore::new(inner, Faults::none())
    }

    /// Dies before this step, counted from 1: nothing works any more, what was written stays, and guards are
    /// released as the system releases those of a killed process: locks are free, pins stay behind.
    pub fn kill_at(inner: Arc<dyn Store>, step: usize) -> Self {
        FaultStore::new(inner, Faults::kill_at(step))
    }

    /// Fails this step, counted from 1, and no other one.
    pub fn fail_once_at(inner: Arc<dyn Store>, step: usize, kind: io::ErrorKind) -> Self {
        FaultStore::new(inner, Faults::fail_once_at(step, kind))
    }

    /// Fails each time when this file is opened, as a disk does that has lost a sector.
    pub fn unreadable(inner: Arc<dyn Store>, key: Key) -> Self {
        FaultStore::new(inner, Faults::refuse(format!("open {key}"), io::ErrorKind::Other))
    }

    /// Fails each time when this file is deleted, as if it were immutable or in a directory of another user.
    pub fn undeletable(inner: Arc<dyn Store>, key: Key) -> Self {
        FaultStore::new(
            inner,
            Faults::refuse(format!("delete {key}"), io::ErrorKind::PermissionDenied),
        )
    }

    fn new(inner: Arc<dyn Store>, faults: Faults) -> Self {
        FaultStore { inner, faults }
    }

    /// How many steps were begun.
    pub fn steps(&self) -> usize {
        self.faults.steps().len()
    }

    /// The steps that were begun, the one that was stopped included.
    pub fn step_names(&self) -> Vec<String> {
        self.faults.steps()
    }

    /// The step that was not done, for messages; `None` if the scenario ended before it.
    pub fn stopped_before(&self) -> Option<String> {
        self.faults.stopped_before()
    }

    fn is_dead(&self) -> bool {
        self.faults.is_dead()
    }

    /// The store beneath, unless the process is dead.
    fn alive(&self) -> Result<&dyn Store> {
        self.faults.look("").map(|()| &*self.inner)
    }

    fn step(&self, name: String) -> std::result::Result<&dyn Store, Stop> {
        self.faults.step(name).map(|()| &*self.inner)
    }

    fn guard(&self, inner: Box<dyn Guard>, pin: Option<Key>) -> Box<dyn Guard> {
        Box::new(FaultGuard {
            inner: Some(inner),
            store: self.clone(),
            pin,
        })
    }
}

/// Released as a killed process's, once the store is dead.
#[derive(Debug)]
struct FaultGuard {
    inner: Option<Box<dyn Guard>>,
    store: FaultStore,
    pin: Option<Key>,
}

impl Guard for FaultGuard {
    fn check(&self) -> Result<()> {
        self.store.alive()?;
        self.inner.as_ref().map_or(Ok(()), |inner| inner.check())
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        let released = match (&self.pin, self.store.is_dead()) {
            (Some(pin), true) => leave_behind(&*self.store.inner, pin, self.inner.take()),
            _ => Ok(()),
        };
        assert!(released.is_ok() || std::thread::panicking(), "{released:?}");
    }
}

/// Makes a pin's file once more after its guard has removed it: a pin that nobody holds.
fn leave_behind(store: &dyn Store, pin: &Key, guard: Option<Box<dyn Guard>>) -> Result<()> {
    if store.stat(pin)?.is_none() {
        return Ok(());
    }
    let content = store.read(pin, PIN_LIMIT_BYTES)?;
    drop(guard);
    let staged = store.stage(AREA, pin, &mut &*content, content.len() as u64)?;
    store.publish(vec![(staged, pin.clone())], Durability::Buffered)?;
    store.discard(AREA)
}

impl Store for FaultStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn local_root(&self) -> Option<&Path> {
        self.inner.local_root()
    }

    fn exists(&self) -> Result<bool> {
        self.alive()?.exists()
    }

    fn limit_modes(&self, directory_mode: u32) {
        self.inner.limit_modes(directory_mode);
    }

    fn create_root(&self, durability: Durability) -> Result<()> {
        self.step("create_root".to_owned())?.create_root(durability)
    }

    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        self.alive()?.list(directory)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.alive()?.stat(key)
    }

    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        self.faults.look(&format!("open {key}"))?;
        self.inner.open(key)
    }

    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected_bytes: u64) -> Result<Staged> {
        self.step(format!("stage {area}:{key}"))?;
        match self.step(format!("stage {area}:{key}, second half")) {
            Ok(store) => store.stage(area, key, content, expected_bytes),
            Err(stop) => {
                if stop.killed_here {
                    let mut half = content.take(expected_bytes / 2);
                    self.inner.stage(area, key, &mut half, expected_bytes)?;
                }
                Err(stop.error)
            }
        }
    }

    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        let name = format!("extend {area}:{}", staged.key);
        self.step(name.clone())?;
        match self.step(format!("{name}, second half")) {
            Ok(store) => store.extend(staged, area, content, expected),
            Err(stop) => {
                if stop.killed_here {
                    let mut half = content.take(expected / 2);
                    self.inner.extend(staged, area, &mut half, expected)?;
                }
                Err(stop.error)
            }
        }
    }

    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        let names: Vec<String> = staged.iter().map(|s| format!("{}:{}", s.area, s.key)).collect();
        self.step(format!("sync {}", names.join(" ")))?
            .sync(staged, durability)
    }

    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        let mut taken = Vec::new();
        for (staged, key) in batch {
            let store = self.step(format!("publish {key}"))?;
            taken.extend(store.publish(vec![(staged, key)], durability)?);
        }
        Ok(taken)
    }

    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.step(format!("replace {key}"))?
            .replace(staged, key, durability)
    }

    fn areas(&self) -> Result<Vec<String>> {
        self.alive()?.areas()
    }

    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.alive()?.staged(area)
    }

    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.alive()?.open_staged(staged)
    }

    fn discard(&self, area: &str) -> Result<()> {
        self.step(format!("discard {area}"))?.discard(area)
    }

    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        self.step(format!("copy {from} {to}"))?.copy(from, to, durability)
    }

    fn delete(&self, key: &Key) -> Result<bool> {
        self.step(format!("delete {key}"))?.delete(key)
    }

    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.step(format!("sync_directories {}", words(directories)))?
            .sync_directories(directories, durability)
    }

    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.step(format!("sync_visible {}", words(keys)))?
            .sync_visible(keys, durability)
    }

    fn exclusive(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Guard>> {
        let store = self.step("exclusive".to_owned())?;
        let guard = store.exclusive(wait, holder, should_stop)?;
        Ok(self.guard(guard, None))
    }

    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>> {
        let guard = self.step(format!("pin {key}"))?.pin(key, content)?;
        Ok(self.guard(guard, Some(key.clone())))
    }

    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        self.step(format!("remove_if_stale {key}"))?.remove_if_stale(key)
    }

    fn free_bytes(&self) -> Result<Option<u64>> {
        self.alive()?.free_bytes()
    }

    fn warnings(&self) -> Vec<Warning> {
        self.inner.warnings()
    }
}

fn words(keys: &[Key]) -> String {
    let words: Vec<&str> = keys.iter().map(Key::as_str).collect();
    words.join(" ")
}
