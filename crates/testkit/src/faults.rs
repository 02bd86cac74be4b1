//! Decides at which step of a scenario a process dies or an operation fails.
//!
//! It counts and names steps and knows nothing of what they do. A test runs its scenario once with [`Faults::none`] to
//! learn the steps, and then once for every step with [`Faults::kill_at`].

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stonekeep::{Error, Result};

/// The chosen step, and what happens there. The first step is number 1.
#[derive(Debug, Clone, Default)]
enum Fault {
    #[default]
    None,
    KillAt(usize),
    KillBefore(String),
    FailOnceAt(usize, io::ErrorKind),
}

/// The steps of one scenario, with a fault at one of them. Clones share their progress.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    fault: Fault,
    /// An operation that fails each time, and how.
    refused: Option<(String, io::ErrorKind)>,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    steps: Vec<String>,
    stopped_before: Option<String>,
    dead: bool,
}

/// Why a step is not done.
#[derive(Debug)]
pub struct Stop {
    /// The error for the caller.
    pub error: Error,
    /// Whether this is the step before which the process dies. Otherwise it is dead already, or continues.
    pub killed_here: bool,
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        stop.error
    }
}

impl Faults {
    /// Only counts.
    pub fn none() -> Self {
        Faults::default()
    }

    /// The process dies before this step: it is not done, and neither is any later one.
    pub fn kill_at(step: usize) -> Self {
        Faults::with(Fault::KillAt(step))
    }

    /// The process dies before the first step of this name.
    pub fn kill_before(name: &str) -> Self {
        Faults::with(Fault::KillBefore(name.to_owned()))
    }

    /// This step fails, and no other one.
    pub fn fail_once_at(step: usize, kind: io::ErrorKind) -> Self {
        Faults::with(Fault::FailOnceAt(step, kind))
    }

    /// An operation of this name fails each time, whether it is a step or not.
    pub fn refuse(name: impl Into<String>, kind: io::ErrorKind) -> Self {
        Faults {
            refused: Some((name.into(), kind)),
            ..Faults::none()
        }
    }

    fn with(fault: Fault) -> Self {
        Faults {
            fault,
            ..Faults::none()
        }
    }

    /// Begins a step.
    ///
    /// # Errors
    /// If it is not to be done.
    pub fn step(&self, name: impl Into<String>) -> std::result::Result<(), Stop> {
        let name = name.into();
        self.look(&name).map_err(|error| Stop {
            error,
            killed_here: false,
        })?;
        let mut progress = self.progress();
        progress.steps.push(name.clone());
        let number = progress.steps.len();
        let (error, killed_here) = match &self.fault {
            Fault::KillAt(at) if *at == number => (dead(), true),
            Fault::KillBefore(step) if *step == name => (dead(), true),
            Fault::FailOnceAt(at, kind) if *at == number => {
                (Error::io(format!("step {number}, {name}"), (*kind).into()), false)
            }
            _ => return Ok(()),
        };
        progress.dead = killed_here;
        progress.stopped_before = Some(name);
        Err(Stop { error, killed_here })
    }

    /// Allows an operation that changes nothing, and is no step.
    ///
    /// # Errors
    /// If the process is dead, or if the operation is refused.
    pub fn look(&self, name: &str) -> Result<()> {
        match &self.refused {
            Some((refused, kind)) if refused == name => Err(Error::io(name, (*kind).into())),
            _ if self.is_dead() => Err(dead()),
            _ => Ok(()),
        }
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.progress().dead
    }

    /// The steps that were begun, the one that was stopped included.
    pub fn steps(&self) -> Vec<String> {
        self.progress().steps.clone()
    }

    /// The step that was not done; `None` if the scenario ended before it.
    pub fn stopped_before(&self) -> Option<String> {
        self.progress().stopped_before.clone()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dead() -> Error {
    Error::io("an operation of a dead process", io::Error::other("killed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(faults: &Faults) -> Vec<bool> {
        ["a", "b", "b", "c"]
            .map(|name| faults.step(name).is_ok())
            .to_vec()
    }

    #[test]
    fn a_killed_process_does_no_further_step() {
        assert_eq!(done(&Faults::none()), [true; 4]);
        let faults = Faults::kill_at(2);
        assert_eq!(done(&faults), [true, false, false, false]);
        assert_eq!(faults.steps(), ["a", "b"]);
        assert_eq!(faults.stopped_before().as_deref(), Some("b"));
        assert!(faults.is_dead() && faults.look("a look").is_err());
        assert_eq!(done(&Faults::kill_before("c")), [true, true, true, false]);
    }

    #[test]
    fn only_the_step_before_which_a_process_dies_is_killed_here() {
        let faults = Faults::kill_at(1);
        assert!(faults.step("a").unwrap_err().killed_here);
        assert!(!faults.step("a").unwrap_err().killed_here);
    }

    #[test]
    fn a_failed_step_stops_no_other_one() {
        let faults = Faults::fail_once_at(3, io::ErrorKind::StorageFull);
        assert_eq!(done(&faults), [true, true, false, true]);
        let faults = Faults::refuse("b", io::ErrorKind::PermissionDenied);
        assert_eq!(done(&faults), [true, false, false, true]);
        assert_eq!(faults.steps(), ["a", "c"]);
    }
}
