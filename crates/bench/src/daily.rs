//! Measures what runs every day, in memory and from a disk, beside other programs.

use anyhow::Result;

use crate::arguments::Daily;
use crate::comparison::Runner;
use crate::machine::Machine;
use crate::report::Report;
use crate::report::live::Live;
use crate::room::{found, now, room};
use crate::scenario::daily::{self, Amount, Commands};
use crate::scenario::{Place, Programs, Scale, Setting};
use crate::task::Counting;

/// Measures, and reports.
///
/// # Errors
/// Those of what is measured.
pub(crate) fn run(arguments: &Daily) -> Result<()> {
    let (memory, disk) = (room(&arguments.mem)?, room(&arguments.dir)?);
    let path = |file: &Option<std::path::PathBuf>| file.as_deref().map(found).transpose();
    let commands = Commands {
        stonekeep: found(&arguments.command)?,
        restic: path(&arguments.restic)?,
        rustic: path(&arguments.rustic)?,
        sst_dump: path(&arguments.sst_dump)?,
    };
    let others = [
        ("restic", &commands.restic),
        ("rustic", &commands.rustic),
        ("sst-dump", &commands.sst_dump),
    ];
    for (name, command) in others {
        if command.is_none() {
            println!("\n{name}: skipped: there is no --{name} FILE");
        }
    }
    let why = "programs are compared as a whole".to_owned();
    let counting = Counting::Skipped(why.clone());
    let live = Live::begin(
        Report {
            time: now(),
            machine: Machine::look(disk.path(), memory.path())?,
            rounds: arguments.rounds.into(),
            not_counted: Some(why),
            command_bytes: None,
            comparisons: Vec::new(),
        },
        arguments.json.as_deref(),
    );
    let runner = Runner {
        rounds: arguments.rounds.into(),
        only: &arguments.only,
        counting: &counting,
        progress: &|what| eprintln!("{what}"),
        finished: &|comparison| live.add(comparison),
    };
    let setting = Setting {
        place: Place::Memory,
        directory: memory.path().to_owned(),
        scale: Scale::of(arguments.tiny),
        programs: Programs::default(),
    };
    let amount = Amount::of(arguments.tiny);
    runner.compare(&setting, daily::sets(&setting, &commands, amount), || Ok(()))?;
    let setting = Setting {
        place: Place::Disk,
        directory: disk.path().to_owned(),
        ..setting
    };
    runner.compare(&setting, daily::disk_sets(&setting, &commands, amount), || Ok(()))?;
    live.end().map(drop)
}
