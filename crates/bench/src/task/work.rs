//! The child process: reads one job from standard input and does it.

use std::io;

use anyhow::{Context, Result};

use super::{By, Done, Job, Task, bare, command, floor, hot, rocksdb, stonekeep};

/// Reads the job as JSON from standard input, and does it.
///
/// # Errors
/// Those of the job.
pub(crate) fn work() -> Result<Done> {
    let job: Job = serde_json::from_reader(io::stdin().lock()).context("reading the job")?;
    let done = match (job.by, &job.task) {
        (
            _,
            Task::Command {
                command,
                arguments,
                items,
            },
        ) => command::work(command, arguments, *items),
        (
            _,
            Task::Capture {
                database,
                stored,
                times,
            },
        ) => hot::work(database, *stored, *times),
        (By::Stonekeep(workers), task) => stonekeep::work(workers, task),
        (By::RocksDb(threads), task) => rocksdb::work(threads, task),
        (By::Floor(flush), task) => floor::work(flush, task),
        (By::Client(requests), task) => bare::work(requests, task),
    };
    done.with_context(|| format!("{:?}", job.by))
}
