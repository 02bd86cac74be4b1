//! Measures Stonekeep beside RocksDB's engine and a bare copy, in memory and on a disk.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::arguments::Compare;
use crate::comparison::Runner;
use crate::machine::Machine;
use crate::report::live::{Live, write};
use crate::report::{Report, chart};
use crate::room::{found, now, room};
use crate::scenario::{Place, Programs, Scale, Setting, sets};
use crate::task::{self, Counting};

/// Measures, and reports.
///
/// # Errors
/// Those of what is measured.
pub(crate) fn run(arguments: &Compare) -> Result<()> {
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
    let (memory, disk) = (room(&arguments.mem)?, room(&arguments.dir)?);
    let programs = programs(arguments)?;
    let command = programs.command.as_deref();
    let live = Live::begin(
        Report {
            time: now(),
            machine: Machine::look(memory.path(), disk.path())?,
            rounds,
            not_counted: match &counting {
                Counting::Possible => None,
                Counting::Skipped(reason) => Some(reason.clone()),
            },
            command_bytes: command.map(fs::metadata).transpose()?.map(|it| it.len()),
            comparisons: Vec::new(),
        },
        arguments.json.as_deref(),
    );
    let runner = Runner {
        rounds,
        only: &arguments.only,
        counting: &counting,
        progress: &|what| eprintln!("{what}"),
        finished: &|comparison| live.add(comparison),
    };
    for (place, directory) in [(Place::Memory, memory.path()), (Place::Disk, disk.path())] {
        let setting = Setting {
            place,
            directory: directory.to_owned(),
            scale: Scale::of(arguments.tiny),
            programs: programs.clone(),
        };
        runner.compare(&setting, sets::of(&setting), || Ok(()))?;
    }
    let report = live.end()?;
    write(arguments.svg.as_deref(), || Ok(chart::svg(&report)))
}

/// The programs to measure, by absolute paths.
fn programs(arguments: &Compare) -> Result<Programs> {
    let path = |file: &Option<PathBuf>| file.as_deref().map(found).transpose();
    let programs = Programs {
        command: path(&arguments.command)?,
        against: path(&arguments.against)?,
        crc32c_bench: path(&arguments.crc32c_bench)?,
        eat_rocks: None,
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
