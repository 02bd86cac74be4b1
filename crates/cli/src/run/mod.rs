//! Runs a command: as it was typed, or its jobs.

mod check;
mod explain;
mod hooks;
mod one;
mod parents;
mod runner;
mod several;

use std::ffi::OsString;

use clap::Command;

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::{Job, Plan, understand};
use crate::output::Output;

use explain::explain;
use one::report_failure;
use runner::{Run, Runner};

/// Runs a command line.
pub(crate) fn run(mut cli: Command, typed: &[OsString]) -> Exit {
    let interrupt = Interrupt::of_process();
    match understand(&cli, typed) {
        Ok(Plan::AsTyped) => as_typed(&mut cli, typed, &interrupt),
        Ok(Plan::Jobs { jobs, are_several }) => {
            let runner = Runner::new(cli, interrupt);
            match &jobs[..] {
                all if all.iter().all(|job| job.verb() == "check") => check::check(&runner, all),
                [job] if !are_several => one_job(&runner, job),
                _ => several::run(&runner, jobs),
            }
        }
        Err(error) => report_failure(&explain::output(&cli, typed), &error, &interrupt),
    }
}

fn as_typed(cli: &mut Command, typed: &[OsString], interrupt: &Interrupt) -> Exit {
    match one::parse(cli, typed) {
        Ok((command, cli)) => {
            let output = Output {
                command,
                json: cli.global.json,
                quiet: cli.global.quiet,
                ..Output::default()
            };
            one::run(cli, &output, interrupt)
        }
        Err(error) => explain(&error, &explain::output(cli, typed)),
    }
}

/// The one job, with the output of a command that was typed.
fn one_job(runner: &Runner, job: &Job) -> Exit {
    let output = job.output();
    if !hooks::are_for(job) {
        return runner.plain(job, &output);
    }
    let Run { exit, document } = runner.with_hooks(job, &output);
    if output.json {
        one::print(&output, &document, exit)
    } else {
        exit
    }
}
