//! The verbs, under the names that RocksDB's users know: [`BackupEngine`] and [`BackupEngineReadOnly`].
//!
//! Each verb is capture, plan, transfer, commit: the plan is plain data made without changing anything (that is what a
//! dry run shows), transfer is one loop with bounded concurrency, and commit is one durable step.
//!
#![doc = include_str!("examples.md")]

mod backups_text;
mod callbacks;
mod checked;
pub mod collect;
mod components;
mod contents;
pub mod copy;
pub mod create;
mod deep;
pub mod drill;
pub mod follow;
mod full_disk;
pub mod hold;
pub mod in_place;
pub mod info;
mod inspecting_host;
mod known_damage;
mod meta_commit;
mod options;
mod rate_limiter;
mod reading;
pub mod repair;
pub mod restore;
mod restore_point;
pub mod timeline;
pub(crate) mod transfer;
pub mod undelete;
pub mod verify;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;

pub use components::{Components, ExcludeFilesCallback, MaybeExclude};
pub use options::{BackupEngineOptions, CreateBackupOptions, MetaSchema, RestoreMode, RestoreOptions};
pub use rate_limiter::RateLimiter;

use self::transfer::Meter;
use crate::buffers::{Buffer, Buffers, DEFAULT_BUFFER_BYTES, DEFAULT_READ_BYTES};
use crate::repo::index::RepositoryIndex;
use crate::store::{Durability, Held, Parallelism, Store};
use crate::{Clock, Error, ErrorKind, Observer, Phase, Progress, Result, SystemClock, repo};

/// Asked once: the system reads files for the answer.
static CORES: OnceLock<usize> = OnceLock::new();

/// More workers than this gain nothing on one machine's disks, however many cores it has.
const MAX_DEFAULT_WORKERS: usize = 16;
const MIN_WORKERS_ON_FLASH: usize = 4;

/// Reads a repository: `rocksdb::BackupEngineReadOnly`. It never deletes, and never makes a repository; its one write
/// is the pin that keeps a backup's files while they are read, and it does without where it cannot write.
#[derive(Clone)]
pub struct BackupEngineReadOnly {
    store: Store,
    options: BackupEngineOptions,
    clock: Arc<dyn Clock>,
    backup_rate_limiter: Arc<RateLimiter>,
    restore_rate_limiter: Arc<RateLimiter>,
    verify_rate_limiter: Arc<RateLimiter>,
    exclude_files_callback: Option<Arc<ExcludeFilesCallback>>,
    buffers: Arc<Buffers>,
    /// As many as were chosen when they were first needed: what the disk can do takes a look at its device.
    workers: Arc<OnceLock<usize>>,
}

/// Reads and writes a repository: `rocksdb::BackupEngine`. It has all methods of a [`BackupEngineReadOnly`].
///
/// Verbs that change the repository take the writer's lock for as long as they run, not the engine for as long as it
/// lives: two engines, also in two processes, take turns.
#[derive(Debug, Clone)]
pub struct BackupEngine {
    reader: BackupEngineReadOnly,
}

impl fmt::Debug for BackupEngineReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupEngineReadOnly")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl BackupEngineReadOnly {
    /// Opens a repository for reading. No meta file is read: the backups are listed, and unchecked.
    ///
    /// # Errors
    /// `NotFound` if there is no repository, `InvalidArgument` with `destroy_old_data`.
    pub fn open(options: BackupEngineOptions, store: impl Into<Store>) -> Result<Self> {
        if options.destroy_old_data {
            return Err(Error::invalid("destroy_old_data with a read-only engine"));
        }
        let store = store.into();
        repo::require(&RepositoryIndex::new(&store))?;
        Ok(BackupEngineReadOnly::new(options, store))
    }

    fn new(options: BackupEngineOptions, store: Store) -> Self {
        let read_bytes = options.io_buffer_size_bytes.unwrap_or(DEFAULT_READ_BYTES);
        BackupEngineReadOnly {
            store,
            clock: Arc::new(SystemClock),
            backup_rate_limiter: Arc::new(RateLimiter::new(options.backup_rate_limit)),
            restore_rate_limiter: Arc::new(RateLimiter::new(options.restore_rate_limit)),
            verify_rate_limiter: Arc::new(RateLimiter::new(options.verify_rate_limit)),
            exclude_files_callback: None,
            options,
            buffers: Arc::new(Buffers::new(read_bytes)),
            workers: Arc::default(),
        }
    }

    /// Replaces the clock, the rate limiters that are given, and the callback.
    #[must_use]
    pub fn with_components(self, components: Components) -> Self {
        BackupEngineReadOnly {
            clock: components.clock,
            backup_rate_limiter: components.backup_rate_limiter.unwrap_or(self.backup_rate_limiter),
            restore_rate_limiter: components
                .restore_rate_limiter
                .unwrap_or(self.restore_rate_limiter),
            verify_rate_limiter: components.verify_rate_limiter.unwrap_or(self.verify_rate_limiter),
            exclude_files_callback: components.exclude_files_callback,
            ..self
        }
    }

    /// The options that the engine was opened with.
    pub fn options(&self) -> &BackupEngineOptions {
        &self.options
    }

    /// The store that the repository lies in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many files are moved at the same time.
    pub(crate) fn workers(&self) -> usize {
        let chosen = || {
            let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(2, NonZeroUsize::get));
            default_workers(cores, self.store.parallelism())
        };
        let given = self.options.max_background_operations.map(NonZeroUsize::get);
        given.unwrap_or_else(|| *self.workers.get_or_init(chosen))
    }

    /// The size of a copy buffer.
    pub(crate) fn io_buffer_bytes(&self) -> NonZeroUsize {
        self.options.io_buffer_size_bytes.unwrap_or(DEFAULT_BUFFER_BYTES)
    }

    /// A buffer that nobody uses, for what is only read.
    pub(crate) fn read_buffer(&self) -> Buffer<'_> {
        self.buffers.take()
    }

    /// Counts the work of a phase: files and bytes to do.
    pub(crate) fn meter<'a>(
        &'a self,
        observer: &'a dyn Observer,
        limiter: &'a RateLimiter,
        phase: Phase,
        to_do: (u64, u64),
    ) -> Meter<'a> {
        self.meter_on(observer, limiter, phase, (0, 0), to_do)
    }

    /// The same where some of the files and bytes have been done before.
    pub(crate) fn meter_on<'a>(
        &'a self,
        observer: &'a dyn Observer,
        limiter: &'a RateLimiter,
        phase: Phase,
        done: (u64, u64),
        total: (u64, u64),
    ) -> Meter<'a> {
        let interval = self.options.callback_trigger_interval_size_bytes;
        let begin = Progress {
            phase,
            files_done: done.0,
            bytes_done: done.1,
            files_total: total.0,
            bytes_total: total.1,
        };
        Meter::start(observer, self.clock.as_ref(), limiter, interval, begin)
    }

    /// Takes the writer's lock as the options say.
    pub(crate) fn lock(&self, observer: &dyn Observer) -> Result<Held> {
        observer.progressed(&Progress::begin(Phase::WaitingForLock));
        let options = &self.options;
        self.store.lease(options.lock_wait, &options.lock_holder, &|| {
            observer.should_stop()
        })
    }

    /// What the option `sync` asks of the store.
    pub(crate) fn durability(&self) -> Durability {
        if self.options.sync {
            Durability::Durable
        } else {
            Durability::Buffered
        }
    }
}

/// One for each core; on flash some more.
fn default_workers(cores: usize, parallelism: Parallelism) -> usize {
    match parallelism {
        Parallelism::Fixed(workers) => workers,
        Parallelism::Flash => cores.clamp(MIN_WORKERS_ON_FLASH, MAX_DEFAULT_WORKERS),
        Parallelism::Cores => cores.min(MAX_DEFAULT_WORKERS),
    }
}

impl BackupEngine {
    /// Opens a repository for writing. Where nothing stands, or an empty directory, a repository is made when the first
    /// backup is. With `destroy_old_data`, every backup in it is deleted first.
    ///
    /// # Errors
    /// `Refused` if something else stands there, `InvalidArgument` for options that do not fit each other; with
    /// `destroy_old_data` those of deleting, too.
    pub fn open(options: BackupEngineOptions, store: impl Into<Store>) -> Result<Self> {
        Self::open_if(options, store.into(), |_| Ok(()))
    }

    /// Opens an existing repository for writing.
    ///
    /// # Errors
    /// `NotFound` if there is no repository; as [`Self::open`].
    pub fn open_existing(options: BackupEngineOptions, store: impl Into<Store>) -> Result<Self> {
        Self::open_if(options, store.into(), repo::require)
    }

    fn open_if(
        options: BackupEngineOptions,
        store: Store,
        check: impl FnOnce(&RepositoryIndex<'_>) -> Result<()>,
    ) -> Result<Self> {
        if options.max_valid_backups_to_open.is_some() {
            return Err(Error::invalid(
                "max_valid_backups_to_open is for read-only engines: one that writes must know every backup",
            ));
        }
        if !store.traits().lists {
            let message = format!("{} can only be read, since it cannot be listed", store.location());
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("change the repository in the place that the server reads its files from"));
        }
        let index = RepositoryIndex::new(&store);
        check(&index)?;
        let state = repo::root_state(&index)?;
        drop(index);
        if let repo::RootState::Foreign(name) = &state {
            return Err(repo::foreign(&store, name));
        }
        let engine = BackupEngine {
            reader: BackupEngineReadOnly::new(options, store),
        };
        if state == repo::RootState::Repository && engine.options().destroy_old_data {
            engine.destroy()?;
        }
        Ok(engine)
    }

    /// See [`BackupEngineReadOnly::with_components`].
    #[must_use]
    pub fn with_components(self, components: Components) -> Self {
        BackupEngine {
            reader: self.reader.with_components(components),
        }
    }

    /// The same engine for verbs that only read.
    pub fn as_read_only(&self) -> &BackupEngineReadOnly {
        &self.reader
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_chosen_from_the_machine() {
        let chosen = |parallelism| [1, 2, 8, 64].map(|cores| default_workers(cores, parallelism));
        assert_eq!(chosen(Parallelism::Fixed(2)), [2; 4]);
        assert_eq!(chosen(Parallelism::Flash), [4, 4, 8, 16]);
        assert_eq!(chosen(Parallelism::Cores), [1, 2, 8, 16]);
    }
}
