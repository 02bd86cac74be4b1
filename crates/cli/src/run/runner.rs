//! Runs one job, with its hooks.

use clap::Command;
use serde_json::{Value, json};

use super::explain::{explain, with_origins};
use super::hooks::{self, Hooks};
use super::one::{self, report_failure};
use super::parents;
use crate::cli::Cli;
use crate::config::is_database;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::{Job, Secrets};
use crate::output::{Output, Record};

/// What the jobs of one process share.
pub(super) struct Runner {
    pub(super) cli: Command,
    pub(super) secrets: Secrets,
    pub(super) interrupt: Interrupt,
}

/// How a job ended, and its document without what all begin with.
pub(super) struct Run {
    pub(super) exit: Exit,
    pub(super) document: Value,
}

impl Runner {
    /// Runs a job without hooks.
    pub(super) fn plain(&mut self, job: &Job, output: &Output) -> Exit {
        match self.parse_job(job, output) {
            Ok((_, cli)) => {
                match parents::make(job).and_then(|()| one::attempt(cli, output, &self.interrupt)) {
                    Ok(exit) => exit,
                    Err(error) => self.failed(job, output, &error),
                }
            }
            Err(exit) => exit,
        }
    }

    /// Runs a job with its hooks, and keeps its document.
    pub(super) fn with_hooks(&mut self, job: &Job, output: &Output) -> Run {
        let record = Record::default();
        let output = Output {
            record: Some(record.clone()),
            ..output.clone()
        };
        let hooks = hooks::are_for(job).then(|| Hooks::of(job, &output, &self.interrupt));
        let Some(mut hooks) = hooks else {
            let exit = self.plain(job, &output);
            return Run {
                exit,
                document: record.take(),
            };
        };
        let exit = match hooks.before() {
            Ok(()) => {
                let exit = self.plain(job, &output);
                hooks.after(exit, record.take())
            }
            Err(error) => {
                let exit = report_failure(&output, &error, &self.interrupt);
                hooks.not_run(exit, record.take())
            }
        };
        Run {
            exit,
            document: hooks.into_document(),
        }
    }

    fn parse_job(&mut self, job: &Job, output: &Output) -> Result<(Option<String>, Cli), Exit> {
        let words = job.words(&self.cli, &mut self.secrets);
        let words = words.map_err(|error| report_failure(output, &error.into(), &self.interrupt))?;
        one::parse(&mut self.cli, &words).map_err(|error| {
            let error = with_origins(error, job, &self.cli);
            explain(&error, output)
        })
    }

    /// Reports a failure, unless the database of a pattern has gone since it was listed.
    fn failed(&self, job: &Job, output: &Output, error: &anyhow::Error) -> Exit {
        let exit = Exit::of(error, &self.interrupt);
        let entry = job.entry.as_ref().filter(|entry| entry.is_found);
        let was_stopped = matches!(exit, Exit::Signalled(_));
        match entry {
            Some(entry) if job.verb() == "backup" && !was_stopped && !is_database(&entry.path) => {
                let warning = hooks::vanished(entry);
                let document = json!({ "vanished": true, "warnings": [warning] });
                let printed = output.outcome(&document, &[], "nothing was done", |_| {});
                output.warnings(&[warning]);
                match printed {
                    Ok(()) => Exit::Success,
                    Err(error) => report_failure(output, &error.into(), &self.interrupt),
                }
            }
            _ => report_failure(output, error, &self.interrupt),
        }
    }
}
