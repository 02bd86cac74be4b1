//! The engine options that several commands share, under RocksDB's names.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{ArgAction, Args};
use stonekeep::engine::BackupEngineOptions;
use stonekeep::store::LockWait;
use stonekeep::store::local::SyncMethod;

use super::choice::{Choice, one_of};
use super::quantity::{parse_buffer_bytes, parse_duration, parse_lock_wait, parse_some, parse_some_bytes};

/// How files are read and written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading and writing")]
pub(crate) struct WorkArgs {
    /// Number of files to read and write at the same time [default: chosen from the machine]
    #[arg(long, value_name = "N", value_parser = parse_some)]
    max_background_operations: Option<NonZeroUsize>,
    /// Size of the buffer for reading and writing, at least 4KiB [default: 128KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_buffer_bytes)]
    io_buffer_size: Option<u64>,
    /// Report progress every SIZE bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_some_bytes, default_value = "4MiB")]
    callback_trigger_interval_size: u64,
}

impl WorkArgs {
    pub(crate) fn apply(&self, options: BackupEngineOptions) -> BackupEngineOptions {
        let buffer = self.io_buffer_size.and_then(|bytes| {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            NonZeroUsize::new(bytes)
        });
        options
            .with_max_background_operations(self.max_background_operations)
            .with_io_buffer_size_bytes(buffer)
            .with_callback_trigger_interval_size_bytes(self.callback_trigger_interval_size)
    }
}

/// Whether changes are durable when the command ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading and writing")]
pub(crate) struct SyncArgs {
    /// Make all changes durable before the command ends
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sync: bool,
}

impl SyncArgs {
    pub(crate) fn apply(&self, options: BackupEngineOptions) -> BackupEngineOptions {
        options.with_sync(self.sync)
    }
}

/// How new files are written and made durable.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading and writing")]
pub(crate) struct WriteArgs {
    /// Share the blocks of tables instead of copying them, if source and destination are on one file system that supports it
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    reflink: bool,
    /// How to make files durable
    #[arg(long, value_name = "METHOD", value_parser = one_of(METHODS), default_value = "auto")]
    sync_method: SyncMethod,
}

const METHODS: &[Choice<SyncMethod>] = &[
    (
        "auto",
        "Many files with one syncfs if the file system is known to report its errors, few files one by one",
        SyncMethod::Auto,
    ),
    (
        "syncfs",
        "With one syncfs for any number of files, if the file system is known to report its errors",
        SyncMethod::Syncfs,
    ),
    (
        "files",
        "One by one; does not wait for data that other programs have written to the file system",
        SyncMethod::Files,
    ),
];

impl WriteArgs {
    pub(crate) fn apply(&self, options: BackupEngineOptions) -> BackupEngineOptions {
        options
            .with_reflink(self.reflink)
            .with_sync_method(self.sync_method)
    }
}

/// How long to wait for the lock of the repository.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// How long to wait while another process changes the repository: 0, a duration such as 10m, or "forever"
    #[arg(long, value_name = "DURATION", value_parser = parse_lock_wait, default_value = "0")]
    lock_wait: LockWait,
}

impl LockArgs {
    pub(crate) fn apply(&self, options: BackupEngineOptions) -> BackupEngineOptions {
        options.with_lock_wait(self.lock_wait)
    }
}

/// How long what is deleted can be undeleted.
#[derive(Debug, Args)]
pub(crate) struct UndeleteArgs {
    /// Keep the files of what is deleted for so long, such as 7d: undelete puts the backups back until then
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) undelete_for: Option<Duration>,
}
