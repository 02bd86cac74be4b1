//! Goes through the steps of several runs: begins them, captures for them, leaves out those that fail or stall.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::hosts::{AskRuns, Hosts};
use super::member::{Event, HostTraits, Request, SharedSource, Voice};
use super::watched::Watched;
use crate::engine::create::CreateReport;
use crate::engine::{BackupEngine, CreateBackupOptions};
use crate::image::{Capture, ImageSource, Share, SharedReads};
use crate::{Error, ErrorKind, Observer, Phase, Progress, Result};

/// How often stalls, progress and requests to stop are looked at.
const POLL: Duration = Duration::from_millis(100);

/// How long a run that has been left out may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// One run.
struct Run {
    watched: Arc<Watched>,
    requests: Sender<Request>,
    /// `None` once it has ended.
    thread: Option<JoinHandle<()>>,
    state: State,
    /// How often the thread had ended, and no event of it was there.
    silent: u32,
}

enum State {
    Working,
    /// For a capture.
    Waiting(HostTraits),
    /// The same, and it has been asked something.
    Asked(HostTraits),
    Ended(Box<Result<CreateReport>>),
    /// It came no further, and is asked to stop.
    LeftOut,
}

impl Run {
    fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// The thread's panic, if that is how it ended.
    fn look_after_thread(&mut self) {
        if !self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            return;
        }
        self.silent += 1;
        // Its last event may have been on the way.
        if self.silent > 1
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            resume_unwind(panic);
        }
    }
}

/// See the [module](self).
pub(super) struct Conductor<'a> {
    engines: &'a [BackupEngine],
    source: &'a dyn ImageSource,
    options: &'a CreateBackupOptions,
    stall_limit: Duration,
    observer: &'a dyn Observer,
    reads: Arc<SharedReads>,
    /// By the numbers of their engines; `None` before they are begun.
    runs: Vec<Option<Run>>,
    events: Receiver<(usize, Event)>,
    /// Where the runs send them.
    voices: Sender<(usize, Event)>,
}

impl<'a> Conductor<'a> {
    pub(super) fn new(
        engines: &'a [BackupEngine],
        source: &'a dyn ImageSource,
        options: &'a CreateBackupOptions,
        stall_limit: Duration,
        observer: &'a dyn Observer,
    ) -> Self {
        let (voices, events) = channel();
        Conductor {
            engines,
            source,
            options,
            stall_limit,
            observer,
            reads: Arc::default(),
            runs: engines.iter().map(|_| None).collect(),
            events,
            voices,
        }
    }

    /// Begins the runs in this order, and sees them to their ends.
    pub(super) fn run(mut self, order: &[usize]) -> Vec<Result<CreateReport>> {
        let mut failed: Vec<(usize, Error)> = Vec::new();
        for number in order {
            if let Err(error) = self.begin(*number) {
                failed.push((*number, error));
            }
            while self.is_working(*number) {
                self.pump();
            }
        }
        while self.runs.iter().flatten().any(|run| !run.has_ended()) {
            let waiting = self.waiting();
            if waiting.is_empty() {
                self.pump();
            } else {
                self.capture(waiting);
            }
        }
        let outcomes = self.runs.into_iter().enumerate().map(|(number, run)| {
            let failure = failed.iter().position(|(of, _)| *of == number);
            match (run.map(|run| run.state), failure) {
                (Some(State::Ended(outcome)), _) => *outcome,
                (_, Some(at)) => Err(failed.swap_remove(at).1),
                _ => Err(Error::stopped()),
            }
        });
        outcomes.collect()
    }

    fn begin(&mut self, number: usize) -> Result<()> {
        let Some(engine) = self.engines.get(number).cloned() else {
            return Ok(());
        };
        let (requests, received) = channel();
        let voice = Voice {
            number,
            events: self.voices.clone(),
        };
        let source = SharedSource {
            description: self.source.describe(),
            directories: self.source.directories(),
            voice: voice.clone(),
            requests: Mutex::new(received),
        };
        let watched = Arc::new(Watched::new(Arc::clone(&engine.as_read_only().clock)));
        let (observer, options) = (Arc::clone(&watched), self.options.clone());
        let share = Share::new(&self.reads, number);
        let work = move || {
            let outcome = engine.create_sharing(&source, &options, observer.as_ref(), share);
            voice.say(Event::Ended(Box::new(outcome)));
        };
        let thread = thread::Builder::new().spawn(work);
        let thread = thread.map_err(|error| Error::io("starting a thread", error))?;
        if let Some(run) = self.runs.get_mut(number) {
            *run = Some(Run {
                watched,
                requests,
                thread: Some(thread),
                state: State::Working,
                silent: 0,
            });
        }
        Ok(())
    }

    /// Captures the database for these runs.
    fn capture(&mut self, runs: Vec<(usize, HostTraits)>) {
        let (source, stops) = (self.source, Stops(self.observer));
        let mut hosts = Hosts { runs_of: self, runs };
        let captured = source.capture(&mut hosts, &stops);
        let runs: Vec<usize> = hosts.runs.iter().map(|(number, _)| *number).collect();
        let captured = captured.map(|capture| Arc::from(capture) as Arc<dyn Capture>);
        for number in runs {
            let own = captured.as_ref().map(Arc::clone).map_err(same);
            self.give(number, own);
        }
    }

    fn is_working(&self, number: usize) -> bool {
        let run = self.runs.get(number).and_then(Option::as_ref);
        run.is_some_and(|run| matches!(run.state, State::Working))
    }

    fn waiting(&self) -> Vec<(usize, HostTraits)> {
        let runs = self.runs.iter().enumerate();
        let waiting = runs.filter_map(|(number, run)| match run.as_ref()?.state {
            State::Waiting(traits) => Some((number, traits)),
            _ => None,
        });
        waiting.collect()
    }

    /// Waits a moment for an event, and looks after everything else; an answer of a run is returned.
    fn pump(&mut self) -> Option<(usize, Event)> {
        let event = self.events.recv_timeout(POLL).ok();
        let answer = event.and_then(|(number, event)| self.note(number, event));
        self.look();
        answer
    }

    fn note(&mut self, number: usize, event: Event) -> Option<(usize, Event)> {
        let run = self.runs.get_mut(number)?.as_mut()?;
        match (event, &run.state) {
            // It stopped since it was asked to.
            (Event::Ended(outcome), State::LeftOut) if outcome.is_err() => {
                run.state = State::Ended(Box::new(Err(stalled(self.stall_limit))));
            }
            (Event::Ended(outcome), _) => run.state = State::Ended(outcome),
            (Event::Waiting(traits), State::Working) => run.state = State::Waiting(traits),
            (answer, State::Asked(traits)) => {
                run.state = State::Waiting(*traits);
                return Some((number, answer));
            }
            _ => {}
        }
        None
    }

    /// Leaves out runs that stall, passes on panics and requests to stop, and reports progress.
    fn look(&mut self) {
        let (stops, limit) = (self.observer.should_stop(), self.stall_limit);
        for run in self.runs.iter_mut().flatten().filter(|run| !run.has_ended()) {
            if stops {
                run.watched.stop();
            }
            match run.state {
                State::Working | State::Asked(_) if run.watched.still_for() >= limit => {
                    tracing::warn!("a repository is left out: its backup comes no further");
                    run.watched.stop();
                    run.state = State::LeftOut;
                }
                State::LeftOut if run.watched.still_for() >= limit + GRACE => {
                    run.state = State::Ended(Box::new(Err(stalled(limit))));
                }
                _ => run.look_after_thread(),
            }
        }
        self.report();
    }

    /// The phase of the run that is behind the others, with the work of all that are in it.
    fn report(&self) {
        let live = self.runs.iter().flatten().filter(|run| !run.has_ended());
        let all: Vec<Progress> = live.map(|run| run.watched.progress()).collect();
        let Some(phase) = all
            .iter()
            .map(|progress| progress.phase)
            .min_by_key(|phase| *phase as u8)
        else {
            return;
        };
        let mut sum = Progress::begin(phase);
        for progress in all.iter().filter(|progress| progress.phase == phase) {
            sum.bytes_done += progress.bytes_done;
            sum.bytes_total += progress.bytes_total;
            sum.files_done += progress.files_done;
            sum.files_total += progress.files_total;
        }
        if phase != Phase::Finished {
            self.observer.progressed(&sum);
        }
    }
}

impl AskRuns for Conductor<'_> {
    fn ask(&mut self, runs: &[usize], request: &dyn Fn() -> Request) -> Result<Vec<(usize, Event)>> {
        for number in runs {
            if let Some(Some(run)) = self.runs.get_mut(*number)
                && let State::Waiting(traits) = run.state
            {
                run.watched.moved();
                run.state = State::Asked(traits);
                // One whose thread has ended says so itself.
                let _ = run.requests.send(request());
            }
        }
        let mut answers = Vec::new();
        let is_asked = |run: &Run| matches!(run.state, State::Asked(_));
        while self.runs.iter().flatten().any(is_asked) {
            answers.extend(self.pump());
        }
        if self.observer.should_stop() {
            return Err(Error::stopped());
        }
        Ok(answers)
    }

    fn give(&mut self, number: usize, captured: Result<Arc<dyn Capture>>) {
        if let Some(Some(run)) = self.runs.get_mut(number) {
            run.watched.moved();
            run.state = State::Working;
            // One whose thread has ended says so itself.
            let _ = run.requests.send(Request::Captured(captured));
        }
    }

    fn is_waiting(&self, number: usize) -> bool {
        let run = self.runs.get(number).and_then(Option::as_ref);
        run.is_some_and(|run| matches!(run.state, State::Waiting(_)))
    }
}

/// The caller's wish to stop, for a capture; its progress is that of the runs.
struct Stops<'a>(&'a dyn Observer);

impl Observer for Stops<'_> {
    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}

fn stalled(limit: Duration) -> Error {
    let message = format!(
        "the backup came no further for {} s, and was given up",
        limit.as_secs()
    );
    let hint = "look at the place of the repository; the next backup uses what was copied";
    Error::new(ErrorKind::Io, message).with_hint(hint)
}

/// The same error for another run.
fn same(error: &Error) -> Error {
    let copy = if error.is_source_changed() {
        Error::source_changed(error.one_line())
    } else {
        Error::new(error.kind(), error.one_line())
    };
    let copy = copy.with_findings(error.findings().to_vec());
    match error.hint() {
        Some(hint) => copy.with_hint(hint),
        None => copy,
    }
}
