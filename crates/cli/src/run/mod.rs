//! Runs a command: as it was typed, or its jobs, one after the other.
//!
//! Several jobs are run in one process. One that fails does not stop the others; the exit code is that of the first failure.
//! A signal ends the running job cleanly, and the others are not begun.

mod explain;
mod hooks;
mod one;
mod parents;
mod runner;

use std::ffi::OsString;

use clap::Command;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::{Job, Plan, Secrets, understand};
use crate::output::Output;
use crate::output::failure::Failure;
use crate::output::text::Style;
use crate::output::units::count;

use explain::explain;
use one::report_failure;
use runner::{Run, Runner};

/// Runs a command line.
pub(crate) fn run(cli: Command, typed: &[OsString]) -> Exit {
    let mut runner = Runner {
        interrupt: Interrupt::of_process(),
        secrets: Secrets::default(),
        cli,
    };
    match understand(&runner.cli, typed) {
        Ok(Plan::AsTyped) => runner.as_typed(typed),
        Ok(Plan::Jobs {
            jobs,
            are_several: true,
        }) => runner.several(&jobs),
        Ok(Plan::Jobs { jobs, .. }) => runner.one(&jobs),
        Err(error) => {
            let output = explain::output(&runner.cli, typed);
            report_failure(&output, &error, &runner.interrupt)
        }
    }
}

impl Runner {
    fn as_typed(&mut self, typed: &[OsString]) -> Exit {
        match one::parse(&mut self.cli, typed) {
            Ok((command, cli)) => {
                let output = Output {
                    command,
                    json: cli.global.json,
                    quiet: cli.global.quiet,
                    ..Output::default()
                };
                one::run(cli, &output, &self.interrupt)
            }
            Err(error) => explain(&error, &explain::output(&self.cli, typed)),
        }
    }

    /// The one job, with the output of a command that was typed.
    fn one(&mut self, jobs: &[Job]) -> Exit {
        let mut exit = Exit::Success;
        for job in jobs {
            let output = output_of(job);
            exit = if hooks::are_for(job) {
                let Run { exit, document } = self.with_hooks(job, &output);
                if output.json {
                    self.print(&output, &document, exit)
                } else {
                    exit
                }
            } else {
                self.plain(job, &output)
            };
        }
        exit
    }

    /// All jobs, each with a heading or with its part of the document.
    fn several(&mut self, jobs: &[Job]) -> Exit {
        let Some(output) = jobs.first().map(output_of) else {
            return Exit::Success;
        };
        let (mut first, mut documents, mut failed) = (Exit::Success, Vec::new(), Vec::new());
        for job in jobs {
            let about = output.about(&heading(job));
            let Run { exit, document } = self.with_hooks(job, &about);
            if exit != Exit::Success {
                failed.push(heading(job));
            }
            if first == Exit::Success {
                first = exit;
            }
            documents.push(part(job, exit, document));
            if matches!(exit, Exit::Signalled(_)) {
                break;
            }
        }
        if output.json {
            return self.print(&output, &json!({ "databases": documents }), first);
        }
        if let Some(name) = failed.first() {
            let all = count(jobs.len() as u64, "run");
            let text = match failed.len() {
                1 => format!("1 of {all} failed: {name}"),
                failed => format!("{failed} of {all} failed, the first: {name}"),
            };
            output.aside(|page| page.marked(Style::Bad, "error:", text));
        }
        first
    }

    /// Prints a document that was kept; if that fails, so has the command.
    fn print(&self, output: &Output, document: &Value, exit: Exit) -> Exit {
        match output.data(document, |_| {}) {
            Ok(()) => exit,
            Err(error) if error.is_broken_pipe() => exit,
            Err(error) => {
                let failure = Failure::new(&error.into());
                output.failure(&failure, Exit::Failure.code());
                Exit::Failure
            }
        }
    }
}

fn output_of(job: &Job) -> Output {
    Output {
        command: Some(job.verb().to_owned()),
        json: job.has("json"),
        quiet: job.has("quiet"),
        ..Output::default()
    }
}

/// The database, with its repository if it has several.
fn heading(job: &Job) -> String {
    let Some(entry) = &job.entry else {
        return job.verb().to_owned();
    };
    match job.places.first() {
        Some(place) if entry.targets.len() > 1 => {
            let target = &place.target;
            let repository = target.name.as_deref().unwrap_or(&target.location);
            format!("{} in {repository}", entry.name)
        }
        _ => entry.name.clone(),
    }
}

/// A part of the document about several databases.
fn part(job: &Job, exit: Exit, document: Value) -> Value {
    let name = job.entry.as_ref().map(|entry| entry.name.as_str());
    let repository = job.places.first().map(|place| &*place.target.location);
    let mut part = json!({ "name": name, "repository": repository, "exit_code": exit.code() });
    if let (Value::Object(part), Value::Object(document)) = (&mut part, document) {
        part.extend(document);
    }
    part
}
