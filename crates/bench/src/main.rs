//! Measures Stonekeep beside RocksDB's engine and a bare copy, alternately in the same run.
//!
//! Each measured piece of work runs in a process of its own, so that its processor time and its memory are its own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints its results"
)]

mod arguments;
mod comparison;
mod data;
mod grow;
mod machine;
mod measure;
mod report;
mod result;
mod scenario;
mod spread;
mod strace;
mod task;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde::Serialize;

use crate::arguments::{Arguments, Compare, Growth, Prepare, Verb};
use crate::comparison::Runner;
use crate::machine::Machine;
use crate::report::{Report, chart, curves, growth, table};
use crate::scenario::{Place, Programs, Scale, Setting};
use crate::task::Counting;

/// Each deletion takes one of ten backups, and two contestants delete: there are not enough for more.
const ROUNDS_OF_GROWTH: usize = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.verb {
        Some(Verb::Work) => work(),
        Some(Verb::Write { database }) => task::write_forever(database, || println!("ready")),
        Some(Verb::Crc32c) => print_crc32c(),
        Some(Verb::Growth(growth)) => grow(growth),
        Some(Verb::Prepare(prepare)) => make_data(prepare),
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
    let counting = if arguments.no_counts {
        Counting::Skipped("not requested".to_owned())
    } else {
        Counting::find()
    };
    let runner = Runner {
        rounds,
        only: &arguments.only,
        counting: &counting,
        progress: &|what| eprintln!("{what}"),
    };
    let (memory, disk) = (room(&arguments.mem)?, room(&arguments.dir)?);
    let programs = programs(arguments)?;
    let machine = Machine::look(memory.path(), disk.path())?;
    let mut comparisons = Vec::new();
    for (place, directory) in [(Place::Memory, memory.path()), (Place::Disk, disk.path())] {
        comparisons.extend(runner.compare(&Setting {
            place,
            directory: directory.to_owned(),
            scale: scale(arguments.tiny),
            programs: programs.clone(),
        })?);
    }
    let report = Report {
        time: now(),
        machine,
        rounds,
        not_counted: match counting {
            Counting::Possible => None,
            Counting::Skipped(reason) => Some(reason),
        },
        command_bytes: programs
            .command
            .as_deref()
            .map(fs::metadata)
            .transpose()?
            .map(|it| it.len()),
        comparisons,
    };
    print!("{}", table::markdown(&report));
    write_json(arguments.json.as_deref(), &report)?;
    write(arguments.svg.as_deref(), || Ok(chart::svg(&report)))
}

/// The programs to measure, by absolute paths.
fn programs(arguments: &Compare) -> Result<Programs> {
    let path = |file: &Option<PathBuf>| file.as_deref().map(found).transpose();
    let programs = Programs {
        command: path(&arguments.command)?,
        against: path(&arguments.against)?,
        crc32c_bench: path(&arguments.crc32c_bench)?,
    };
    if let Some(program) = &programs.crc32c_bench {
        let crc32c = task::crc32c_of(program)?;
        ensure!(
            crc32c.starts_with("Supported"),
            "RocksDB in {} says of the processor's CRC-32C: {crc32c}",
            program.display()
        );
    }
    Ok(programs)
}

fn print_crc32c() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let machine = Machine::look(directory.path(), directory.path())?;
    println!("{}", machine.rocksdb_fast_crc32c);
    Ok(())
}

fn grow(arguments: &Growth) -> Result<()> {
    let runner = Runner {
        rounds: ROUNDS_OF_GROWTH,
        only: &[],
        counting: &Counting::Skipped("they grow as time does".to_owned()),
        progress: &|what| eprintln!("{what}"),
    };
    let memory = room(&arguments.mem)?;
    let report = growth::Growth {
        time: now(),
        machine: Machine::look(memory.path(), memory.path())?,
        rounds: runner.rounds,
        axes: grow::run(&runner, memory.path(), arguments.most)?,
    };
    print!("{}", growth::markdown(&report));
    write_json(arguments.json.as_deref(), &report)?;
    write(arguments.svg.as_deref(), || Ok(curves::svg(&report)))
}

fn make_data(arguments: &Prepare) -> Result<()> {
    let runner = Runner {
        rounds: 0,
        only: &arguments.only,
        counting: &Counting::Skipped("nothing is measured".to_owned()),
        progress: &|_| {},
    };
    fs::create_dir(&arguments.directory).with_context(|| arguments.directory.display().to_string())?;
    let setting = Setting {
        place: Place::Memory,
        directory: arguments.directory.canonicalize()?,
        scale: scale(arguments.tiny),
        programs: Programs::default(),
    };
    for (name, contestant) in runner.prepare(&setting)? {
        println!(
            "{name}, {}:\n{}",
            contestant.name,
            serde_json::to_string(&contestant.job)?
        );
    }
    Ok(())
}

fn scale(tiny: bool) -> Scale {
    if tiny { Scale::TINY } else { Scale::FULL }
}

fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.map_or(0, |time| time.as_secs())
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

fn write_json(path: Option<&Path>, report: &impl Serialize) -> Result<()> {
    write(path, || Ok(serde_json::to_string_pretty(report)?))
}

/// Writes a file, if it is wanted.
fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String>) -> Result<()> {
    match path {
        Some(path) => fs::write(path, text()?).with_context(|| path.display().to_string()),
        None => Ok(()),
    }
}
