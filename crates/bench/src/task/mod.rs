//! The pieces of work that are measured, each in a process of its own.

mod bare;
mod child;
mod command;
mod floor;
mod hot;
mod rocksdb;
mod stonekeep;
mod work;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::child::{Counting, count, crc32c_of, run, run_by};
pub(crate) use self::hot::write_forever;
pub(crate) use self::work::work;
use crate::measure::Figures;
use crate::server::bucket::Bucket;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// Stonekeep's library, with this many workers or as it chooses.
    Stonekeep(Option<NonZeroUsize>),
    /// RocksDB's `BackupEngine`, with this many `max_background_operations`.
    RocksDb(i32),
    /// A bare program of two threads.
    Floor(Flush),
    /// A bare client of an object store, with so many requests at a time.
    Client(usize),
}

/// How the bare program makes files durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flush {
    /// One `syncfs` when all files are written.
    Syncfs,
    /// An `fdatasync` for each file, eight at a time, while others are copied.
    Fdatasync,
}

/// What a restore may leave at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keep {
    /// Nothing.
    Nothing,
    /// Files whose session and size are right.
    BySession,
    /// Files whose checksum is right.
    ByChecksum,
}

/// Which backup is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    Oldest,
    Newest,
}

/// A piece of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// A backup of a closed database.
    Backup { database: PathBuf, repository: PathBuf },
    /// A restore of the latest backup.
    Restore {
        repository: PathBuf,
        target: PathBuf,
        keep: Keep,
    },
    /// Opening the repository, and what is known of its latest backup.
    Latest { repository: PathBuf },
    /// Opening the repository, and what is known of all backups.
    List { repository: PathBuf },
    /// A verification of all backups with checksums.
    Verify { repository: PathBuf },
    /// One backup is deleted.
    Delete { repository: PathBuf, which: Which },
    /// All but so many backups are deleted.
    Purge { repository: PathBuf, keep: usize },
    /// A collection of garbage.
    Collect { repository: PathBuf },
    /// A capture of a database that another process is writing meanwhile, so many times; its costs are those of one.
    Capture {
        database: PathBuf,
        /// Whether all tables are stored already, so that none has to be held.
        stored: bool,
        times: usize,
    },
    /// The files of a closed database are put into an object store.
    Put { database: PathBuf, bucket: Bucket },
    /// A run of the command `stonekeep`, or of another program.
    Command {
        command: PathBuf,
        arguments: Vec<OsString>,
        /// Files or backups that it is about: the command does not say.
        items: u64,
    },
}

/// A piece of work with who does it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) by: By,
    pub(crate) task: Task,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Files or backups that it was about, so that a contestant that does less is noticed.
    pub(crate) items: u64,
    pub(crate) figures: Figures,
}
