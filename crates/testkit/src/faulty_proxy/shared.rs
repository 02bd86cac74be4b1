//! What all connections of a proxy share.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ghosts::Ghosts;
use super::hold::{Gate, Hold};
use super::plan::{Decisions, Fault, Plan};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Shared {
    /// `HOST:PORT` of the server.
    pub(super) server: String,
    inside: Mutex<Inside>,
    pub(super) gate: Gate,
    /// Connections that the server did not accept.
    pub(super) refused: AtomicUsize,
    pub(super) stops: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Inside {
    pub(super) decisions: Decisions,
    pub(super) ghosts: Ghosts,
    /// The requests, each with its fault.
    pub(super) log: Vec<(String, Option<Fault>)>,
}

impl Shared {
    pub(super) fn new(server: &str, plan: Plan, hold: Option<Hold>) -> Self {
        Shared {
            server: server.to_owned(),
            inside: Mutex::new(Inside {
                decisions: Decisions::of(plan),
                ghosts: Ghosts::default(),
                log: Vec::new(),
            }),
            gate: Gate::new(hold),
            refused: AtomicUsize::new(0),
            stops: AtomicBool::new(false),
        }
    }

    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
