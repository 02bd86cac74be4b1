//! How a caller follows a long operation, and stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an operation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Follows an operation. Methods are called from worker threads, and should return soon.
///
/// A method that panics ends the operation as a stop request does; no method is called again. When the lock and the pins
/// are released, the panic goes on in the thread that called the engine. If the operation failed of itself meanwhile, that
/// error is returned instead.
pub trait Observer: Send + Sync {
    /// Called about every `callback_trigger_interval_size` bytes, at each phase's start and end.
    fn progressed(&self, progress: &Progress) {
        let _ = progress;
    }

    /// Asked often; once it says yes, the operation ends cleanly with [`crate::ErrorKind::Stopped`].
    fn should_stop(&self) -> bool {
        false
    }
}

/// The observer that does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}

/// An observer that stops an operation from another thread, as RocksDB's `BackupEngine::StopBackup` does; clones
/// share the switch.
#[derive(Debug, Clone, Default)]
pub struct StopSwitch(Arc<AtomicBool>);

impl StopSwitch {
    /// A switch that is not thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the operation to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Makes the switch usable for another operation.
    pub fn reset(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Observer for StopSwitch {
    fn should_stop(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
