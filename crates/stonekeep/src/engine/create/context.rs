//! What every step of a backup under way works with.

use super::source::Sources;
use crate::engine::transfer::Meter;
use crate::engine::{BackupEngineReadOnly, CreateBackupOptions};
use crate::image::ImageSource;
use crate::parallel::run_apart;
use crate::shortage::Shortage;
use crate::store::Store;
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result};

/// See the [module](self).
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) options: &'a CreateBackupOptions,
    pub(super) source: &'a dyn ImageSource,
    pub(super) observer: &'a dyn Observer,
    pub(super) sources: &'a Sources,
}

impl<'a> Context<'a> {
    pub(super) fn store(&self) -> &'a Store {
        self.engine.store()
    }

    /// Counts the work of a phase: files and bytes to do.
    pub(super) fn meter(&self, phase: Phase, to_do: (u64, u64)) -> Meter<'a> {
        let limiter = &self.engine.backup_rate_limiter;
        self.engine.meter(self.observer, limiter, phase, to_do)
    }

    /// Counts work that goes on where files and bytes have been done already.
    pub(super) fn meter_on(&self, phase: Phase, done: (u64, u64), to_do: (u64, u64)) -> Meter<'a> {
        let total = (done.0 + to_do.0, done.1 + to_do.1);
        let limiter = &self.engine.backup_rate_limiter;
        self.engine.meter_on(self.observer, limiter, phase, done, total)
    }

    /// Reports that a phase begins.
    pub(super) fn report(&self, phase: Phase) {
        self.observer.progressed(&Progress::begin(phase));
    }

    /// Removes areas that are of no use. That it fails harms nothing; the next run tries again.
    pub(super) fn discard_areas(&self, keep: impl Fn(&str) -> bool) {
        let areas = self.store().areas();
        let discarded = areas.and_then(|areas| {
            let mut useless = areas.iter().filter(|area| !keep(area));
            useless.try_for_each(|area| self.store().discard(area))
        });
        if let Err(error) = discarded {
            tracing::warn!(reason = %error.one_line(), "the staging area could not be removed");
        }
    }

    /// Says how much was missing, if something ran out, and if it is known already how much is wanted: bytes, and files.
    pub(super) fn explain_full_disk(&self, wanted: (u64, u64), error: Error) -> Error {
        let Some(shortage) = error.shortage().filter(|_| is_full(&error)) else {
            return error;
        };
        let (bytes, files) = wanted;
        let room = self.store().room().unwrap_or_default();
        let location = self.store().location();
        let mut message = match shortage {
            Shortage::Inodes => format!("{location} has no inode left for a new file"),
            Shortage::Quota => format!("the quota is exhausted on {location}"),
            _ => format!("{location} is full"),
        };
        match (shortage, room.bytes, room.files) {
            _ if bytes == 0 => {}
            (Shortage::Inodes, _, Some(left)) => {
                message += &format!(
                    ": the backup needs {files} new files and their directories, {left} inodes are free now that the \
                     unfinished copies are removed"
                );
            }
            (Shortage::Bytes, Some(free), _) if free < bytes => {
                message += &format!(
                    ": the backup needs {bytes} bytes, {free} are free now that the unfinished copies are removed: {} \
                     are missing",
                    bytes - free
                );
            }
            _ => message += &format!(": the backup needs {bytes} bytes in {files} new files"),
        }
        Error::new(ErrorKind::Io, message)
            .with_hint(shortage.advice())
            .with_source(error)
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

/// Whether there is no room, or none that this user may have.
pub(super) fn is_full(error: &Error) -> bool {
    matches!(
        error.shortage(),
        Some(Shortage::Bytes | Shortage::Inodes | Shortage::Quota)
    )
}
