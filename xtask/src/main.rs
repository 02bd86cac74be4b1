//! Developer commands. They need no C++ themselves, so that they can report what is missing.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "commands print their results"
)]

mod api;
mod bench;
mod coverage;
mod crashes;
mod fixtures;
mod fuzzing;
mod interleavings;
mod mutants;
mod peers;
mod prerequisites;
mod proof;
mod soak;
mod torture;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  proof [arguments of cargo test]   tests against real RocksDB and other programs
  bench [arguments of the bench]    measures beside RocksDB's engine; --help lists them
  bench remote [--help]             measures repositories on servers, beside other programs
  api [--write]                     compares the public items of the libraries with docs/api, or writes these
  coverage                          which lines of each layer the tests run, against a floor for each layer
  coverage report [--missed]        the same of tests that ran in the environment that coverage begin prints
  interleavings [filter]            models of what threads share, in thousands of orders
  mutants --shard K/N               small faults in repo and engine, each of which a test must find
  soak [--help]                     captures databases while they are written, and judges each image
  crashes [arguments of the tests]  the crash tests, each stopping at every step
  torture <machine> [--help]        tries to break promises: damage, faults, crashes, reproducible by seed
  torture fuzz [--minutes <count>]  runs each fuzz target, an hour each
  fixtures [name…]                  makes committed fixtures anew: those named, or all
  fixtures sample                   makes the demo's database anew";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", [].as_slice()),
    };
    let outcome = match command {
        "api" => api::run(rest),
        "coverage" => coverage::run(rest),
        "interleavings" => interleavings::run(rest),
        "mutants" => mutants::run(rest),
        "proof" => proof::run(rest),
        "bench" => bench::run(rest),
        "fixtures" => fixtures::run(rest),
        "crashes" => crashes::run(rest),
        "soak" => soak::run(rest),
        "torture" => torture::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
