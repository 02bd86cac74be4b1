//! What is run and told before and after a job.
//!
//! In this order: the ping of the start; `before`; the job; `after`; if anything of that failed, `on-failure`; the ping of the outcome. A
//! `before` that fails stops the job, and there is no `after`, since nothing was begun. `after` comes whenever the job was begun, however
//! it ended, also after a signal: it may have to start again what `before` has stopped. If `after` fails, the exit code is 1 unless the job
//! failed. A ping or an `on-failure` that fails is a warning.

use serde_json::{Value, json};
use stonekeep::{Error, ErrorKind};

use crate::config::Entry;
use crate::config::Hooks as Configured;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::Job;
use crate::output::Output;
use crate::output::failure::Failure;
use crate::output::json::{Document, error_body};
use crate::output::location::without_secrets;
use crate::output::text::Style;
use crate::ping::{self, Event};
use crate::process::{How, Process};

/// This many lines of what a hook has printed are shown if it fails.
const SHOWN_LINES: usize = 20;

/// Whether a job has hooks. A dry run has none.
pub(super) fn are_for(job: &Job) -> bool {
    let is_for = |entry: &Entry| entry.hooks.is_for(job.verb());
    job.entry.as_ref().is_some_and(is_for) && !job.has("dry-run")
}

/// The hooks of one job.
pub(super) struct Hooks<'j> {
    job: &'j Job,
    configured: Configured,
    output: Output,
    interrupt: Interrupt,
    /// What was run, for the document.
    done: Vec<Value>,
    document: Value,
}

impl<'j> Hooks<'j> {
    pub(super) fn of(job: &'j Job, output: &Output, interrupt: &Interrupt) -> Self {
        let configured = job.entry.as_ref().map(|entry| entry.hooks.clone());
        Hooks {
            job,
            configured: configured.unwrap_or_default(),
            output: output.clone(),
            interrupt: interrupt.clone(),
            done: Vec::new(),
            document: json!({}),
        }
    }

    /// What comes before the job. If it fails, the job is not run.
    pub(super) fn before(&mut self) -> anyhow::Result<()> {
        // From now on a signal must not end this process before `after` was run.
        self.interrupt.install()?;
        if !self.interrupt.came() {
            self.ping(Event::Start, "");
        }
        if self.interrupt.came() {
            return Err(Error::new(ErrorKind::Stopped, "stopped before anything was begun").into());
        }
        let Some(command) = self.configured.before.clone() else {
            return Ok(());
        };
        match self.run("before", &command, None) {
            Ok(()) => Ok(()),
            Err(_) if self.interrupt.came() => {
                let message = "stopped while the hook before was running";
                Err(Error::new(ErrorKind::Stopped, message).into())
            }
            Err(reason) => {
                let verb = self.job.verb();
                let message = format!("the hook before has failed, so {verb} was not begun: {reason}");
                Err(Error::refused(message).into())
            }
        }
    }

    /// What comes after the job.
    pub(super) fn after(&mut self, exit: Exit, document: Value) -> Exit {
        self.document = document;
        let mut exit = exit;
        if let Some(command) = self.configured.after.clone()
            && let Err(reason) = self.run("after", &command, Some(exit))
        {
            let failure =
                Failure::new(&Error::refused(format!("the hook after has failed: {reason}")).into());
            if !self.output.json {
                self.output.aside(|page| failure.write(page));
            }
            if exit == Exit::Success {
                exit = Exit::Failure;
                let body = error_body(&failure, exit.code());
                self.document["error"] = body["error"].clone();
            }
        }
        self.outcome(exit)
    }

    /// What comes after a job that was not begun.
    pub(super) fn not_run(&mut self, exit: Exit, document: Value) -> Exit {
        self.document = document;
        self.outcome(exit)
    }

    /// The document of the job with what was run.
    pub(super) fn into_document(self) -> Value {
        let mut document = self.document;
        document["hooks"] = self.done.into();
        document
    }

    fn outcome(&mut self, exit: Exit) -> Exit {
        if exit == Exit::Success {
            self.ping(Event::Success, "");
            return exit;
        }
        if let Some(command) = self.configured.on_failure.clone()
            && let Err(reason) = self.run("on-failure", &command, Some(exit))
        {
            self.warn(&format!("the hook on-failure has failed: {reason}"));
        }
        let text = format!("exit code {}: {}", exit.code(), self.message());
        self.ping(Event::Failure, &text);
        exit
    }

    /// Why the job failed, as its document says it.
    fn message(&self) -> &str {
        let of_repositories = self.document["repositories"].as_array();
        let mut documents = of_repositories.into_iter().flatten().chain([&self.document]);
        documents
            .find_map(|document| document["error"]["message"].as_str())
            .unwrap_or_default()
    }

    /// Runs the command of a hook; an empty one is none.
    fn run(&mut self, name: &str, command: &[String], exit: Option<Exit>) -> Result<(), String> {
        let Some(program) = command.first() else {
            return Ok(());
        };
        let mut process = Process::new(command, self.configured.limit()).reading(self.input(exit));
        for (name, value) in self.variables(name, exit) {
            process = process.with_variable(name, &value);
        }
        // After a signal there is one more chance to put things in order; a second signal ends this process at once.
        process = if self.interrupt.came() {
            process.stopped_by(&Interrupt::default())
        } else {
            process.stopped_by(&self.interrupt)
        };
        let reason = match process.run() {
            Ok(ended) if ended.how == How::Exited(0) => {
                tracing::info!(hook = name, output = %shown(&ended.stdout, &ended.stderr).join("\n"), "a hook was run");
                None
            }
            Ok(ended) => {
                let lines = shown(&ended.stdout, &ended.stderr);
                if !self.output.json {
                    self.output
                        .aside(|page| lines.iter().for_each(|line| page.line(format!("{name}: {line}"))));
                }
                Some(format!("{program} {}", ended.how))
            }
            Err(error) => Some(format!("{program} cannot be run: {error}")),
        };
        self.done
            .push(json!({ "hook": name, "failed": reason.is_some(), "reason": reason }));
        reason.map_or(Ok(()), Err)
    }

    /// The document so far, for the standard input of a hook.
    fn input(&self, exit: Option<Exit>) -> Vec<u8> {
        let mut body = json!({
            "name": self.job.entry.as_ref().map(|entry| &entry.name),
            "repository": self.repository(),
            "exit_code": exit.map(Exit::code),
        });
        if let (Value::Object(body), Value::Object(document)) = (&mut body, &self.document) {
            body.extend(document.clone());
        }
        let document = Document::new(self.output.command.as_deref(), &body);
        let mut text = serde_json::to_vec(&document).unwrap_or_default();
        text.push(b'\n');
        text
    }

    fn variables(&self, name: &str, exit: Option<Exit>) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("STONEKEEP_HOOK", name.to_owned()),
            ("STONEKEEP_VERB", self.job.verb().to_owned()),
            ("STONEKEEP_REPOSITORY", self.repository()),
        ];
        if let Some(entry) = &self.job.entry {
            variables.push(("STONEKEEP_DATABASE", entry.name.clone()));
        }
        if let Some(exit) = exit {
            variables.push(("STONEKEEP_EXIT_CODE", exit.code().to_string()));
            variables.push(("STONEKEEP_ERROR", self.message().to_owned()));
        }
        let ids = self.backup_ids();
        if !ids.is_empty() {
            variables.push(("STONEKEEP_BACKUP_ID", ids));
        }
        variables
    }

    /// The backup that was made; of several repositories, that of each in its line.
    fn backup_ids(&self) -> String {
        let id = |document: &Value| document["backup_id"].as_u64().map(|id| id.to_string());
        match self.document["repositories"].as_array() {
            Some(documents) => {
                let ids: Vec<String> = documents
                    .iter()
                    .map(|document| id(document).unwrap_or_default())
                    .collect();
                ids.join("\n")
            }
            None => id(&self.document).unwrap_or_default(),
        }
    }

    /// The repository, without a secret in its URL; several have a line each.
    fn repository(&self) -> String {
        let locations = self
            .job
            .places
            .iter()
            .map(|place| without_secrets(&place.target.location));
        locations.collect::<Vec<_>>().join("\n")
    }

    fn ping(&mut self, event: Event, text: &str) {
        let Some((url, _)) = self.configured.ping_url.clone() else {
            return;
        };
        if !self.configured.pings_on(event.name()) {
            return;
        }
        let sent = url
            .resolve()
            .map_err(|reason| format!("ping-url has no value: {reason}"));
        let sent = sent.and_then(|url| ping::send(&url, event, text, &self.interrupt));
        let reason = sent.err();
        let name = format!("ping-{}", event.name());
        self.done
            .push(json!({ "hook": name, "failed": reason.is_some(), "reason": reason }));
        if let Some(reason) = reason {
            self.warn(&reason);
        }
    }

    fn warn(&self, text: &str) {
        if !self.output.json {
            self.output
                .aside(|page| page.marked(Style::Warning, "warning:", text));
        }
    }
}

/// The last lines of what a hook has printed.
fn shown(stdout: &[u8], stderr: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for stream in [stdout, stderr] {
        let text = String::from_utf8_lossy(stream);
        let all: Vec<&str> = text.lines().collect();
        let last = all.len().saturating_sub(SHOWN_LINES);
        lines.extend(all[last..].iter().map(|line| (*line).to_owned()));
    }
    lines
}
