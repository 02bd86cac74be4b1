//! What is told while a database is followed: lines on standard error, a line that changes on a terminal, or JSON lines on standard
//! output.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use stonekeep::engine::follow::{FollowEvent, FollowObserver, FollowStatus, StreamId};
use stonekeep::{Error, Warning};

use super::args::FollowArgs;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::output::command_words::translate;
use crate::output::units::{bytes, count};

/// How often the line on a terminal changes.
const REDRAWN: Duration = Duration::from_millis(250);
/// How often the same failure is told.
const FAILURES_TOLD: Duration = Duration::from_secs(60);

/// Tells, and passes on that a signal asked for an end.
pub(super) struct Teller<'a> {
    output: &'a Output,
    interrupt: &'a Interrupt,
    args: &'a FollowArgs,
    line: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    redrawn: Option<Instant>,
    /// What failed last, and when that was told.
    failed: Option<(&'static str, Instant)>,
}

/// A line of JSON.
#[derive(Serialize)]
struct EventJson<'a> {
    event: &'static str,
    /// Its directory: one process may follow several.
    database: String,
    stream: Option<StreamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'a [Warning],
    status: &'a FollowStatus,
}

impl<'a> Teller<'a> {
    pub(super) fn new(output: &'a Output, interrupt: &'a Interrupt, args: &'a FollowArgs) -> Self {
        let shows = io::stderr().is_terminal() && !output.quiet && !output.json && output.heading.is_none();
        let line = shows.then(|| {
            let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The text of the template is right.
            let style =
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            line.with_style(style)
        });
        Teller {
            output,
            interrupt,
            args,
            line,
            state: Mutex::default(),
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.output.quiet || self.output.json {
            return;
        }
        let tell = || self.output.aside(|page| page.line(text()));
        match &self.line {
            Some(line) => line.suspend(tell),
            None => tell(),
        }
    }

    fn warn(&self, warnings: &[Warning]) {
        let accepted = |warning: &&Warning| !self.args.accept.contains(&warning.name);
        let mut warnings: Vec<Warning> = warnings.iter().filter(accepted).cloned().collect();
        translate(&mut warnings);
        self.output.warnings(&warnings);
    }

    fn draw(&self, status: &FollowStatus) {
        let Some(line) = &self.line else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.redrawn.is_some_and(|last| last.elapsed() < REDRAWN) {
            return;
        }
        state.redrawn = Some(Instant::now());
        let lag = Duration::from_millis(status.lag_ms).as_secs_f64();
        let base = match (status.base_under_way, status.newest_base) {
            (true, _) => ", a base is being made".to_owned(),
            (false, Some(id)) => format!(", newest base {id}"),
            (false, None) => String::new(),
        };
        line.set_message(format!(
            "lag {lag:.1} s, {}; {}, {} of WALs{base}",
            bytes(status.lag_bytes),
            count(status.segments, "segment"),
            bytes(status.wal_bytes),
        ));
        line.tick();
    }

    /// A failure that goes on is told once a minute.
    fn failed(&self, what: &'static str, error: &Error, again_in: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = |(last, told): (&str, Instant)| last == what && told.elapsed() < FAILURES_TOLD;
        if state.failed.is_some_and(is_told) {
            return;
        }
        state.failed = Some((what, Instant::now()));
        drop(state);
        let (reason, again) = (error.one_line(), again_in.as_secs());
        self.say(|| format!("{what}: {reason}; trying again in {again} s"));
    }

    fn tell(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        let database = self.args.database.display();
        match event {
            FollowEvent::Began { reason, warnings } => {
                self.warn(warnings);
                let why = reason.map_or(String::new(), |reason| format!(", since {reason}"));
                let stream = status.stream.map(|stream| stream.to_string()).unwrap_or_default();
                self.say(|| format!("following {database}: a new stream was begun, {stream}{why}"));
            }
            FollowEvent::Resumed { warnings } => {
                self.warn(warnings);
                let stream = status.stream.map(|stream| stream.to_string()).unwrap_or_default();
                self.say(|| format!("following {database}: the stream {stream} is continued"));
            }
            FollowEvent::NoWal => {
                self.say(|| format!("{database} has no WAL: waiting for a process that opens it"));
            }
            FollowEvent::Broken { reason } => {
                self.say(|| format!("a restore cannot cross this point: {reason}; a base is made anew"));
            }
            FollowEvent::Base { backup_id } => self.say(|| format!("base {backup_id} is made")),
            FollowEvent::BaseFailed { error, again_in } => {
                self.failed("a base could not be made", error, *again_in);
            }
            FollowEvent::Failed { error, again_in } => {
                self.failed("following is interrupted", error, *again_in)
            }
            _ => {}
        }
        self.draw(status);
    }

    fn line_of_json(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        let mut line = EventJson {
            event: "",
            database: self.args.database.display().to_string(),
            stream: status.stream,
            reason: None,
            backup_id: None,
            again_in_ms: None,
            warnings: &[],
            status,
        };
        let again = |again_in: &Duration| u64::try_from(again_in.as_millis()).ok();
        match event {
            FollowEvent::Began { reason, warnings } => {
                (line.event, line.warnings) = ("began", warnings);
                line.reason = reason.map(str::to_owned);
            }
            FollowEvent::Resumed { warnings } => (line.event, line.warnings) = ("resumed", warnings),
            FollowEvent::Segment { .. } => line.event = "segment",
            FollowEvent::Broken { reason } => {
                (line.event, line.reason) = ("broken", Some((*reason).to_owned()));
            }
            FollowEvent::BaseBegan => line.event = "base_began",
            FollowEvent::Base { backup_id } => {
                (line.event, line.backup_id) = ("base", Some(backup_id.get()));
            }
            FollowEvent::BaseFailed { error, again_in } => {
                (line.event, line.reason) = ("base_failed", Some(error.one_line()));
                line.again_in_ms = again(again_in);
            }
            FollowEvent::Failed { error, again_in } => {
                (line.event, line.reason) = ("failed", Some(error.one_line()));
                line.again_in_ms = again(again_in);
            }
            FollowEvent::NoWal => line.event = "no_wal",
            _ => return,
        }
        self.output.event(&line);
    }
}

impl FollowObserver for Teller<'_> {
    fn happened(&self, event: &FollowEvent<'_>, status: &FollowStatus) {
        if self.output.json {
            self.line_of_json(event, status);
        } else {
            self.tell(event, status);
        }
    }

    fn should_stop(&self) -> bool {
        self.interrupt.came()
    }
}
