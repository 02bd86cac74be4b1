//! Measures Stonekeep beside RocksDB's engine and a bare copy, alternately in the same run.
//!
//! Each measured piece of work runs in a process of its own, so that its processor time and its memory are its own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints its results"
)]

mod arguments;
mod compare;
mod comparison;
mod daily;
mod data;
mod grow;
mod machine;
mod measure;
mod remote;
mod report;
mod result;
mod room;
mod scenario;
mod server;
mod spread;
mod strace;
mod task;
mod usage;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::arguments::{Arguments, Growth, Prepare, Verb};
use crate::comparison::Runner;
use crate::machine::Machine;
use crate::report::live::{write, write_json};
use crate::report::{curves, growth};
use crate::room::room;
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
        Some(Verb::Remote(remote)) => remote::run(remote),
        Some(Verb::Daily(arguments)) => daily::run(arguments),
        Some(Verb::Prepare(prepare)) => make_data(prepare),
        None => compare::run(&arguments.compare),
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
        finished: &|_| Ok(()),
    };
    let memory = room(&arguments.mem)?;
    let report = growth::Growth {
        time: room::now(),
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
        finished: &|_| Ok(()),
    };
    fs::create_dir(&arguments.directory).with_context(|| arguments.directory.display().to_string())?;
    let setting = Setting {
        place: Place::Memory,
        directory: arguments.directory.canonicalize()?,
        scale: Scale::of(arguments.tiny),
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
