//! What every step of a backup under way works with.

use std::time::{Duration, Instant};

use super::stream_place::StreamPlace;
use super::unknown_formats::UnknownFormats;
pub(super) use crate::engine::full_disk::is_full;
use crate::engine::transfer::{Amount, Meter};
use crate::engine::{BackupEngineReadOnly, CreateBackupOptions, full_disk};
use crate::image::{ImageSource, SourceFiles};
use crate::parallel::run_apart;
use crate::store::Store;
use crate::{Error, Observer, Phase, Progress, Result};

/// See the [module](self).
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) options: &'a CreateBackupOptions,
    pub(super) source: &'a dyn ImageSource,
    pub(super) observer: &'a dyn Observer,
    pub(super) sources: &'a SourceFiles,
    pub(super) unknown_formats: &'a UnknownFormats,
    pub(super) began: Instant,
    /// The stream that the backup is a base of.
    pub(super) base_of: Option<StreamPlace>,
}

impl<'a> Context<'a> {
    /// The time since the backup was begun.
    pub(super) fn elapsed(&self) -> Duration {
        let now = self.engine.clock.instant();
        now.saturating_duration_since(self.began)
    }

    pub(super) fn store(&self) -> &'a Store {
        self.engine.store()
    }

    /// Counts the work of a phase.
    pub(super) fn meter(&self, phase: Phase, to_do: Amount) -> Meter<'a> {
        self.meter_on(phase, Amount::default(), to_do)
    }

    /// Counts the work of a phase of which something has been done already.
    pub(super) fn meter_on(&self, phase: Phase, done: Amount, to_do: Amount) -> Meter<'a> {
        let total = done + to_do;
        let limiter = &self.engine.backup_rate_limiter;
        let (done, total) = ((done.files, done.bytes), (total.files, total.bytes));
        self.engine.meter_on(self.observer, limiter, phase, done, total)
    }

    /// Reports that a phase begins.
    pub(super) fn report(&self, phase: Phase) {
        self.observer.progressed(&Progress::begin(phase));
    }

    /// Says how much was missing, if something ran out, and if it is known already how much is wanted.
    pub(super) fn explain_full_disk(&self, wanted: Amount, error: Error) -> Error {
        full_disk::explain(self.store(), wanted, "the backup needs", error)
    }

    /// Runs something, with less priority if that was asked for.
    pub(super) fn with_priority<R: Send>(&self, work: impl Fn() -> Result<R> + Sync) -> Result<R> {
        const LOWEST: i32 = 19;
        if !self.options.decrease_background_thread_cpu_priority {
            return work();
        }
        // Worker threads inherit the priority of the thread that starts them; the caller's own stays as it is.
        let lower = || {
            if let Err(error) = rustix::process::setpriority_process(None, LOWEST) {
                tracing::warn!(%error, "the priority could not be lowered");
            }
        };
        run_apart(lower, work)
    }
}
