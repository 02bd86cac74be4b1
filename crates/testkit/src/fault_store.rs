//! A store that stops working at a chosen step, as if the process had been killed there or the disk had failed.
//!
//! Every operation that changes something is a step, and [`FaultStore::step_names`] lists them, so that a test runs its
//! scenario once to count, and then once for every step with [`FaultStore::kill_at`]. Two operations have more steps
//! than one: publishing has one for each file, and staging has a second one when half of the bytes are written.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use stonekeep::store::{Interceptor, Key, Operation, Refusal, Store};

use crate::faults::{Faults, Stop};

/// A store with faults. See the [module](self).
#[derive(Debug, Clone)]
pub struct FaultStore {
    store: Store,
    faults: Faults,
}

impl FaultStore {
    /// Counts steps only.
    pub fn counting(inner: impl Into<Store>) -> Self {
        FaultStore::new(inner, Faults::none())
    }

    /// Dies before this step, counted from 1: nothing works any more, what was written stays, and guards are
    /// released as the system releases those of a killed process: locks are free, pins stay behind.
    pub fn kill_at(inner: impl Into<Store>, step: usize) -> Self {
        FaultStore::new(inner, Faults::kill_at(step))
    }

    /// Fails this step, counted from 1, and no other one.
    pub fn fail_once_at(inner: impl Into<Store>, step: usize, kind: io::ErrorKind) -> Self {
        FaultStore::new(inner, Faults::fail_once_at(step, kind))
    }

    /// Fails each time when this file is opened, as a disk does that has lost a sector.
    pub fn unreadable(inner: impl Into<Store>, key: Key) -> Self {
        FaultStore::new(inner, Faults::refuse(format!("open {key}"), io::ErrorKind::Other))
    }

    /// Fails each time when this file is deleted, as if it were immutable or in a directory of another user.
    pub fn undeletable(inner: impl Into<Store>, key: Key) -> Self {
        FaultStore::new(
            inner,
            Faults::refuse(format!("delete {key}"), io::ErrorKind::PermissionDenied),
        )
    }

    fn new(inner: impl Into<Store>, faults: Faults) -> Self {
        FaultStore {
            store: inner.into().intercepted_by(Arc::new(faults.clone())),
            faults,
        }
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
}

impl Deref for FaultStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl From<FaultStore> for Store {
    fn from(faulty: FaultStore) -> Self {
        faulty.store
    }
}

impl Interceptor for Faults {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        let name = operation.to_string();
        if !operation.is_change() {
            return self.look(&name).map_err(Refusal::Fails);
        }
        self.step(name).map_err(|Stop { error, killed_here }| {
            if killed_here {
                Refusal::Dies(error)
            } else {
                Refusal::Fails(error)
            }
        })
    }

    fn splits_batches(&self) -> bool {
        true
    }

    fn is_dead(&self) -> bool {
        Faults::is_dead(self)
    }
}
