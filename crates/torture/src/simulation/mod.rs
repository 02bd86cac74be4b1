//! Histories of several clients in simulated time: each step of each client follows from a seed.
//!
//! A history has two or three clients on machines of their own, whose clocks may be wrong, and may be set at any time. Each runs
//! some commands, one after the other: backup, delete, delete for a while, undelete, purge, gc, hold, release, verify, list, copy,
//! restore, repair. Their requests take time, are stopped and killed at any request. All of them are one program that has one thread at a time
//! (`schedule.rs`); whoever waits for the earliest time goes on.
//!
//! The repository is in a directory in memory, where RocksDB's own engine works in between (`foreign.rs`), or in a store of objects,
//! behind the library's store of object stores with its leases, pins and signed requests (`requests.rs`, `signed.rs`): requests get
//! lost before or after they are carried out, come late or twice, and a client that was stopped goes on after its lease has run out.
//!
//! Checked after each command, against what the clients were told (`model.rs`):
//! - every backup whose commit was told, and that nobody deletes, is listed and has the bytes of the state that it was made of;
//! - a backup whose deletion was told is gone, one that is held is there, no id is given twice;
//! - the changes of two runs never mix: whoever is done with the lock, or has lost it, changes nothing more;
//! - a collection removes nothing of unknown origin that is younger than its `min-age`;
//! - nothing is ever called damaged, and a command fails only by what was done to it.
//!
//! Days after the last command a collection succeeds, all backups verify, and no file is left that nobody needs.

mod bucket;
mod client;
mod clock;
mod databases;
mod engine_options;
mod foreign;
mod history;
mod known;
mod looks;
mod machine;
mod model;
mod peek;
mod pool;
mod process;
mod readers;
mod requests;
mod schedule;
mod signed;
mod site;
mod stored_backup;
mod trial;
mod verbs;
mod weather;

use std::sync::{Arc, PoisonError};

use anyhow::{Result, anyhow};

use self::databases::Databases;
use self::history::History;
use crate::budget::{Budget, Report};

/// So many steps before a broken promise are shown.
const SHOWN_STEPS: usize = 150;

/// Runs so many histories.
pub fn run(budget: Budget) -> Report {
    match Databases::make() {
        Ok(databases) => {
            let databases = Arc::new(databases);
            budget.run(|seed, report| one(&databases, seed, report))
        }
        Err(error) => Report {
            failures: vec![format!("the databases: {error:#}")],
            ..Report::default()
        },
    }
}

fn one(databases: &Arc<Databases>, seed: u64, report: &mut Report) -> Result<()> {
    let history = History::new(seed, databases, false)?;
    let ended = trial::run(&history, seed);
    *report.counts.entry("steps".to_owned()).or_default() += history.schedule.steps();
    for (what, count) in history.counts() {
        *report.counts.entry(what).or_default() += count;
    }
    ended.map_err(|broken| anyhow!("{broken:#}{}", steps(databases, seed)))
}

/// The last steps of a history.
fn steps(databases: &Arc<Databases>, seed: u64) -> String {
    let Ok(history) = History::new(seed, databases, true) else {
        return String::new();
    };
    let again = trial::run(&history, seed);
    let lines = history.trace.lines.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = &lines[lines.len().saturating_sub(SHOWN_STEPS)..];
    let end = again.map_or_else(
        |broken| format!("{broken:#}"),
        |()| "it ends well the second time".to_owned(),
    );
    format!("\n  its last steps:\n    {}\n    {end}", shown.join("\n    "))
}

/// The number of steps that the history of a seed takes, and what they are, but for the names that no seed decides: the same each
/// time.
///
/// # Errors
/// A broken promise.
pub fn fingerprint(seed: u64) -> Result<(u64, Vec<String>)> {
    let databases = Arc::new(Databases::make()?);
    let history = History::new(seed, &databases, true)?;
    trial::run(&history, seed)?;
    let lines = history.trace.lines.lock().unwrap_or_else(PoisonError::into_inner);
    let steps = lines.iter().map(|line| without_names_of_chance(line)).collect();
    Ok((history.schedule.steps(), steps))
}

/// A text without words of 16 or more hexadecimal digits: leases, pins, runs.
fn without_names_of_chance(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    let known = words.filter(|word| {
        let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        digits.len() < 16 || !digits.chars().all(|letter| letter.is_ascii_hexdigit())
    });
    known.collect()
}
