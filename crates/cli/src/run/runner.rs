//! Runs one job, with its hooks.

use std::sync::{Mutex, PoisonError};

use clap::Command;
use serde_json::{Value, json};
use stonekeep::{Warning, WarningName};

use super::explain::{explain, with_origins};
use super::hooks::{self, Hooks};
use super::one::{self, report_failure};
use super::parents::Parents;
use crate::cli::Cli;
use crate::config::{Entry, is_database};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::{Job, Secrets, Unusable};
use crate::output::Output;
use crate::output::several::Record;

/// What the jobs of one process share.
pub(super) struct Runner {
    parser: Mutex<Parser>,
    pub(super) interrupt: Interrupt,
}

/// Makes a command of a job. One job does so at a time: a secret is looked up once, and directories that two jobs need are durable when the
/// second one finds them.
struct Parser {
    cli: Command,
    secrets: Secrets,
    parents: Parents,
}

/// A command line, and those of its repositories that cannot be used.
type Parsed = (Cli, Unusable);

/// How a job ended, and its document without what all begin with.
pub(super) struct Run {
    pub(super) exit: Exit,
    pub(super) document: Value,
}

impl Runner {
    pub(super) fn new(cli: Command, interrupt: Interrupt) -> Self {
        let parser = Parser {
            cli,
            secrets: Secrets::default(),
            parents: Parents::default(),
        };
        Runner {
            parser: Mutex::new(parser),
            interrupt,
        }
    }

    /// Runs a job without hooks. The database of a pattern may have gone since it was listed, which is no failure.
    pub(super) fn plain(&self, job: &Job, output: &Output) -> Exit {
        if let Some(entry) = gone(job) {
            return self.vanished(entry, output);
        }
        let ended = match self.parse_job(job, output) {
            Ok(parsed) => {
                parsed.and_then(|(cli, unusable)| one::attempt(cli, output, &self.interrupt, unusable))
            }
            Err(exit) => return exit,
        };
        let exit = match &ended {
            Ok(exit) => *exit,
            Err(error) => Exit::of(error, &self.interrupt),
        };
        let was_stopped = matches!(exit, Exit::Signalled(_));
        if let Some(entry) = gone(job).filter(|_| exit != Exit::Success && !was_stopped) {
            return self.vanished(entry, output);
        }
        ended.unwrap_or_else(|error| report_failure(output, &error, &self.interrupt))
    }

    /// Runs a job with its hooks, and keeps its document.
    pub(super) fn with_hooks(&self, job: &Job, output: &Output) -> Run {
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

    /// The parsed command line of a job, for which what it needs is there; the exit code if it cannot be parsed.
    pub(super) fn parse_job(&self, job: &Job, output: &Output) -> Result<anyhow::Result<Parsed>, Exit> {
        let mut parser = self.parser.lock().unwrap_or_else(PoisonError::into_inner);
        let Parser {
            cli,
            secrets,
            parents,
        } = &mut *parser;
        let unusable = Unusable::default();
        let words = match job.words(cli, secrets, &unusable) {
            Ok(words) => words,
            Err(error) => return Ok(Err(error.into())),
        };
        match one::parse(cli, &words) {
            Ok((_, parsed)) => {
                let made = parents.make(job, secrets, &unusable);
                Ok(made.map(|()| (parsed, unusable)).map_err(Into::into))
            }
            Err(error) => Err(explain(&with_origins(error, job, cli), output)),
        }
    }

    fn vanished(&self, entry: &Entry, output: &Output) -> Exit {
        let message = format!("the database is not in {} any more", entry.path.display());
        let warnings = [Warning::about(WarningName::Vanished, &entry.name, message)];
        let document = json!({ "vanished": true, "warnings": warnings });
        let printed = output.outcome(&document, &warnings, "nothing was done", |_| {});
        match printed {
            Ok(()) => Exit::Success,
            Err(error) => report_failure(output, &error.into(), &self.interrupt),
        }
    }
}

/// The database that a backup is to be made of, if a pattern has found it and it is not there any more.
fn gone(job: &Job) -> Option<&Entry> {
    let entry = job.entry.as_ref().filter(|entry| entry.is_found)?;
    (job.verb() == "backup" && !is_database(&entry.path)).then_some(entry)
}
