//! Calls the caller's observer: a panic in one call ends the operation as a stop request does.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{ErrorKind, Observer, Phase, Progress, Result};

/// Runs an operation with this observer, and reports its end. If the observer panics, it is not called again, the operation
/// is asked to stop, and the panic continues in the caller when that has ended: then the lock is free, and what was copied is
/// in the journal. An error other than `Stopped` is returned in place of the panic.
///
/// # Errors
/// Those of the operation.
pub(crate) fn guarded<R>(observer: &dyn Observer, run: impl FnOnce(&dyn Observer) -> Result<R>) -> Result<R> {
    let guarded = Guarded {
        observer,
        panicked: AtomicBool::new(false),
        panic: Mutex::default(),
    };
    let outcome = run(&guarded);
    guarded.progressed(&Progress::begin(Phase::Finished));
    let panic = guarded.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (outcome, panic) {
        (Err(error), Some(_)) if error.kind() != ErrorKind::Stopped => {
            tracing::error!(reason = %error.one_line(), "the observer panicked before the operation failed");
            Err(error)
        }
        (_, Some(panic)) => resume_unwind(panic),
        (outcome, None) => outcome,
    }
}

struct Guarded<'a> {
    observer: &'a dyn Observer,
    panicked: AtomicBool,
    /// What the first panic carries.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Guarded<'_> {
    /// The observer's answer; `None` if it panics or has done so before.
    fn ask<R>(&self, question: impl FnOnce(&dyn Observer) -> R) -> Option<R> {
        if self.panicked.load(Ordering::Relaxed) {
            return None;
        }
        // After a panic the observer is not looked at again.
        let answer = catch_unwind(AssertUnwindSafe(|| question(self.observer)));
        let keep = |panic| {
            self.panicked.store(true, Ordering::Relaxed);
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(panic);
        };
        answer.map_err(keep).ok()
    }
}

impl Observer for Guarded<'_> {
    fn progressed(&self, progress: &Progress) {
        self.ask(|observer| observer.progressed(progress));
    }

    fn should_stop(&self) -> bool {
        self.ask(|observer| observer.should_stop()).unwrap_or(true)
    }
}
