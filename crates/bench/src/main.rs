//! Measures Stonekeep beside RocksDB's engine and a bare copy, alternately in the same run.
//!
//! Each measured piece of work runs in a process of its own, so that its processor time and its memory are its own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to whoever runs it"
)]

mod arguments;
mod comparison;
mod data;
mod machine;
mod measure;
mod report;
mod result;
mod scenario;
mod strace;
mod task;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Parser;

use crate::arguments::{Arguments, Compare, Verb};
use crate::comparison::Manner;
use crate::machine::Machine;
use crate::report::{Report, chart, table};
use crate::scenario::{Ground, Place, Scale};
use crate::task::Counting;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.verb {
        Some(Verb::Work) => work(),
        None => compare(&arguments.compare),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<()> {
    println!("{}", serde_json::to_string(&task::work()?)?);
    Ok(())
}

fn compare(arguments: &Compare) -> Result<()> {
    let rounds = if arguments.quick {
        3
    } else {
        arguments.rounds.into()
    };
    let counting = match arguments.no_counts {
        true => Counting::Skipped("nobody wanted it".to_owned()),
        false => Counting::find(),
    };
    let manner = Manner {
        rounds,
        only: &arguments.only,
        counting: &counting,
        tell: &|what| eprintln!("{what}"),
    };
    let [memory, disk] = [&arguments.mem, &arguments.dir].map(|parent| room(parent));
    let (memory, disk) = (memory?, disk?);
    let command = arguments.command.as_deref().map(found).transpose()?;
    let machine = Machine::look(memory.path(), disk.path())?;
    let mut comparisons = Vec::new();
    for (place, directory) in [(Place::Memory, memory.path()), (Place::Disk, disk.path())] {
        comparisons.extend(manner.compare(&Ground {
            place,
            directory: directory.to_owned(),
            scale: if arguments.tiny { Scale::TINY } else { Scale::FULL },
            command: command.clone(),
        })?);
    }
    let report = Report {
        time: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        machine,
        rounds,
        not_counted: match counting {
            Counting::Possible => None,
            Counting::Skipped(reason) => Some(reason),
        },
        command_bytes: command
            .as_deref()
            .map(fs::metadata)
            .transpose()?
            .map(|it| it.len()),
        comparisons,
    };
    tell(&report, arguments)
}

/// An empty directory that goes when the run is over.
fn room(parent: &Path) -> Result<tempfile::TempDir> {
    let context = || format!("making a directory in {}", parent.display());
    fs::create_dir_all(parent).with_context(context)?;
    let parent = parent.canonicalize().with_context(context)?;
    tempfile::Builder::new()
        .prefix("stonekeep-bench-")
        .tempdir_in(parent)
        .with_context(context)
}

fn found(command: &Path) -> Result<PathBuf> {
    command
        .canonicalize()
        .with_context(|| format!("looking for {}", command.display()))
}

fn tell(report: &Report, arguments: &Compare) -> Result<()> {
    print!("{}", table::markdown(report));
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(report)?;
        fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, chart::svg(report)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
