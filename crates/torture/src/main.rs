//! Runs a machine for long. `cargo xtask torture` calls it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints its results"
)]

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use stonekeep_torture::budget::{Budget, Report, running_seed};
use stonekeep_torture::{corruption, crashes, faults, kills, power, simulation, strangers};

const USAGE: &str = "\
usage: torture <machine> [--seed <number>] [--trials <count> | --minutes <count>]

machines:
  corruption   damages files of repositories and of restored databases: verify and restore name them
  crashes      kills each verb before each change, and the run after it; the power fails
  takeovers    the same in an object store, where the next run takes over the lease: seconds each
  faults       lets each operation of each verb fail in each way
  kills        kills the real command before its system calls
  kills-s3     the same in the bucket that STONEKEEP_TEST_S3 names, where the next run takes over the lease
  power        lets the power fail on ext4, XFS and btrfs while the real command runs: seconds each, needs root
  simulation   histories of several clients in simulated time, on one thread
  strangers    gives the real command repositories, databases and targets that are made to hurt

  --seed      the first seed (another one each time); a failure names its own
  --trials    how many trials (20000)
  --minutes   how long, instead";

/// As many as the closing run has.
const TRIALS: u64 = 20_000;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((_, rest)) = words.split_first().filter(|(first, _)| *first == strangers::WORD) {
        return match strangers::between(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let arguments: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match parse(&arguments) {
        Err(reason) => {
            eprintln!("error: {reason}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok((machine, budget)) => {
            println!("seed {}", budget.seed);
            // Where a panic is no failure of a trial, but the end.
            std::panic::set_hook(Box::new(|panic| eprintln!("seed {}: {panic}", running_seed())));
            let report = machine(budget);
            println!("{report}");
            if report.failures.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

type Machine = fn(Budget) -> Report;

fn parse(arguments: &[String]) -> Result<(Machine, Budget), String> {
    let (name, mut rest) = arguments.split_first().ok_or("which machine?")?;
    let machine = match name.as_str() {
        "corruption" => corruption::run as Machine,
        "crashes" => crashes::run,
        "takeovers" => crashes::run_takeovers,
        "faults" => faults::run,
        "kills" => kills::run,
        "kills-s3" => kills::run_in_bucket,
        "power" => |budget| power::run(budget, power::Extent::Whole),
        "simulation" => simulation::run,
        "strangers" => |budget| match std::env::current_exe() {
            Ok(torture) => strangers::run(budget, &torture),
            Err(error) => Report::of_failure(&error.into()),
        },
        _ => return Err(format!("there is no machine {name}")),
    };
    let mut budget = Budget::trials(fastrand::u64(..1 << 40), TRIALS);
    while let [option, value, more @ ..] = rest {
        let number: u64 = value.parse().map_err(|_| format!("{value} is no number"))?;
        match option.as_str() {
            "--seed" => budget.seed = number,
            "--trials" => budget.trials = number,
            "--minutes" => {
                budget.trials = u64::MAX;
                budget.time = Some(Duration::from_secs(number.saturating_mul(60)));
            }
            _ => return Err(format!("there is no option {option}")),
        }
        rest = more;
    }
    match rest {
        [] => Ok((machine, budget)),
        [left, ..] => Err(format!("{left} has no value")),
    }
}
