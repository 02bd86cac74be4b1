//! How a caller follows a long operation, and stops it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an operation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for another process's lock.
    WaitingForLock,
    /// Reading the database's or the repository's own records.
    Planning,
    /// Copying bytes.
    Copying,
    /// Reading bytes for their checksums.
    Verifying,
    /// Making everything durable and visible.
    Committing,
    /// Removing what nothing names any more.
    Collecting,
    /// The operation has ended, with or without an error: the last call.
    Finished,
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes done in this phase.
    pub bytes_done: u64,
    /// Bytes to do in this phase, those done included.
    pub bytes_total: u64,
    /// Files done in this phase.
    pub files_done: u64,
    /// Files to do in this phase, those done included.
    pub files_total: u64,
}

impl Progress {
    /// A phase that begins, with nothing to do that is known yet.
    pub fn begin(phase: Phase) -> Self {
        Progress {
            phase,
            bytes_done: 0,
            bytes_total: 0,
            files_done: 0,
            files_total: 0,
        }
    }
}

/// Follows an operation, and can stop it. A closure that takes a [`Progress`] is an observer; [`StopSwitch`] stops an
/// operation from another thread.
///
/// Methods are called from worker threads, and should return soon. A method that panics ends the operation as a stop
/// request does; no method is called again. When the lock and the pins are released, the panic continues in the thread that
/// called the engine. If the operation failed for another reason meanwhile, that error is returned instead.
pub trait Observer: Send + Sync {
    /// Called about every `callback_trigger_interval_size_bytes` bytes, when a phase begins or ends, and last of all with
    /// [`Phase::Finished`].
    fn progressed(&self, progress: &Progress) {
        let _ = progress;
    }

    /// Called often. After `true` the operation ends cleanly with [`crate::ErrorKind::Stopped`].
    fn should_stop(&self) -> bool {
        false
    }
}

impl<F: Fn(&Progress) + Send + Sync> Observer for F {
    fn progressed(&self, progress: &Progress) {
        self(progress);
    }
}

/// The observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}

/// An observer that stops an operation from another thread, as RocksDB's `BackupEngine::StopBackup` does. Clones share
/// the switch.
#[derive(Clone, Default)]
pub struct StopSwitch {
    stopped: Arc<AtomicBool>,
    observer: Option<Arc<dyn Observer>>,
}

impl StopSwitch {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes progress on to this observer, which may also stop the operation.
    #[must_use]
    pub fn with_observer(self, observer: impl Observer + 'static) -> Self {
        StopSwitch {
            observer: Some(Arc::new(observer)),
            ..self
        }
    }

    /// Asks the operation to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Makes the switch usable for another operation.
    pub fn reset(&self) {
        self.stopped.store(false, Ordering::SeqCst);
    }
}

impl Observer for StopSwitch {
    fn progressed(&self, progress: &Progress) {
        if let Some(observer) = &self.observer {
            observer.progressed(progress);
        }
    }

    fn should_stop(&self) -> bool {
        let asked = |observer: &Arc<dyn Observer>| observer.should_stop();
        self.stopped.load(Ordering::SeqCst) || self.observer.as_ref().is_some_and(asked)
    }
}

impl fmt::Debug for StopSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StopSwitch").field(&self.stopped).finish()
    }
}
