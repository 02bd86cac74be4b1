//! Runs several jobs in one process.
//!
//! One that fails does not stop the others; the exit code is that of the first failure. A signal ends the running ones cleanly, and the
//! others are not begun. They are run at the same time where that saves time: one backup of a small database mostly waits for the disk.
//! What each prints is then kept, and printed in the order of the jobs. An option that limits what a run takes from the machine is meant
//! for all of it, and progress on a terminal is of one run: then they are run one after the other.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use super::one;
use super::runner::{Run, Runner};
use crate::args::place::scheme;
use crate::exit::Exit;
use crate::invocation::Job;
use crate::output::Output;
use crate::output::location::without_secrets;
use crate::output::several::Captured;
use crate::output::text::Style;
use crate::output::units::count;

/// So many jobs at a time. There may be fewer processors: they wait for the disk.
const LOCAL: usize = 8;

/// So many with repositories in stores: each of them makes many requests at a time itself.
const REMOTE: usize = 2;

/// The jobs of one time share so many workers, at least and at most, where there are processors.
const WORKERS_OF_ALL: (usize, usize) = (4, 8);

/// Each of these takes the room of a whole database.
const ONE_AFTER_THE_OTHER: [&str; 1] = ["drill"];

/// Each of these runs until it is stopped, and prints while it runs.
const ALL_TOGETHER: [&str; 1] = ["follow"];

/// The option for how many files a run reads at a time.
const WORKERS: &str = "max-background-operations";

/// Runs them.
pub(super) fn run(runner: &Runner, mut jobs: Vec<Job>) -> Exit {
    let Some(output) = jobs.first().map(Job::output) else {
        return Exit::Success;
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let at_once = at_once(&jobs, &output);
    if at_once > 1 && !are_endless(&jobs) {
        let (few, many) = WORKERS_OF_ALL;
        let each = cores.clamp(few, many).div_ceil(at_once);
        for job in jobs.iter_mut().filter(|job| !is_remote(job)) {
            job.set(WORKERS, each);
        }
    }
    let queue = Queue {
        runner,
        jobs: &jobs,
        output: &output,
        next: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        ended: Mutex::new(Ended::default()),
    };
    let captures = at_once > 1 && !are_endless(&jobs);
    thread::scope(|scope| {
        for _ in 1..at_once {
            // With fewer threads it takes longer.
            drop(thread::Builder::new().spawn_scoped(scope, || queue.work(captures)));
        }
        queue.work(captures);
    });
    let ended = queue.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(&jobs, &output, ended)
}

/// How many are run at the same time.
fn at_once(jobs: &[Job], output: &Output) -> usize {
    if are_endless(jobs) {
        return jobs.len();
    }
    let shows_progress = io::stderr().is_terminal() && !output.quiet;
    let takes_room = jobs.iter().any(|job| ONE_AFTER_THE_OTHER.contains(&job.verb()));
    if shows_progress || takes_room || jobs.iter().any(is_limited) {
        return 1;
    }
    let most = if jobs.iter().any(is_remote) { REMOTE } else { LOCAL };
    most.min(jobs.len())
}

fn are_endless(jobs: &[Job]) -> bool {
    jobs.iter().any(|job| ALL_TOGETHER.contains(&job.verb()))
}

fn is_limited(job: &Job) -> bool {
    job.settings
        .iter()
        .any(|setting| setting.long == WORKERS || setting.long.ends_with("rate-limit"))
}

fn is_remote(job: &Job) -> bool {
    job.places
        .iter()
        .any(|place| scheme(&place.target.location).is_some())
}

/// The jobs, and what has become of them.
struct Queue<'j> {
    runner: &'j Runner,
    jobs: &'j [Job],
    output: &'j Output,
    next: AtomicUsize,
    /// No other job is begun.
    is_over: AtomicBool,
    ended: Mutex<Ended>,
}

/// The runs that have ended, in the order of the jobs, as far as none before them is missing.
#[derive(Default)]
struct Ended {
    printed: Vec<Run>,
    waiting: Vec<(usize, Run, Captured)>,
    /// Why standard output cannot be written.
    unwritten: Option<anyhow::Error>,
}

impl Queue<'_> {
    /// Runs jobs until there is none.
    fn work(&self, captures: bool) {
        while !self.is_over.load(Ordering::SeqCst) {
            let index = self.next.fetch_add(1, Ordering::SeqCst);
            let Some(job) = self.jobs.get(index) else {
                return;
            };
            let captured = Captured::default();
            let about = self.output.about(&job.heading(), captures.then_some(&captured));
            let run = self.runner.with_hooks(job, &about);
            if matches!(run.exit, Exit::Signalled(_)) {
                self.is_over.store(true, Ordering::SeqCst);
            }
            self.end((index, run, captured));
        }
    }

    /// Prints what has ended and is next.
    fn end(&self, run: (usize, Run, Captured)) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.waiting.push(run);
        while let Some(at) = ended
            .waiting
            .iter()
            .position(|(index, ..)| *index == ended.printed.len())
        {
            let (_, run, captured) = ended.waiting.swap_remove(at);
            ended.printed.push(run);
            if let Err(error) = captured.print()
                && ended.unwritten.is_none()
            {
                // Nobody reads what follows.
                self.is_over.store(true, Ordering::SeqCst);
                ended.unwritten = Some(error.into());
            }
        }
    }
}

/// Prints the document, or how many have failed.
fn report(jobs: &[Job], output: &Output, ended: Ended) -> Exit {
    if let Some(error) = ended.unwritten {
        let interrupt = crate::interrupt::Interrupt::of_process();
        return one::report_failure(output, &error, &interrupt);
    }
    let runs = || jobs.iter().zip(&ended.printed);
    let failed: Vec<(String, Exit)> = runs()
        .filter(|(_, run)| run.exit != Exit::Success)
        .map(|(job, run)| (job.heading(), run.exit))
        .collect();
    let exit = failed.first().map_or(Exit::Success, |(_, exit)| *exit);
    if output.json {
        let documents: Vec<Value> = runs().map(|(job, run)| part(job, run)).collect();
        return one::print(output, &json!({ "databases": documents }), exit);
    }
    if let Some((name, _)) = failed.first() {
        let all = count(jobs.len() as u64, "run");
        let text = match failed.len() {
            1 => format!("1 of {all} failed: {name}"),
            failed => format!("{failed} of {all} failed, the first: {name}"),
        };
        output.aside(|page| page.marked(Style::Bad, "error:", text));
    }
    exit
}

/// A part of the document about several databases.
fn part(job: &Job, run: &Run) -> Value {
    let name = job.entry.as_ref().map(|entry| entry.name.as_str());
    let repository = match &job.places[..] {
        [place] => Some(without_secrets(&place.target.location)),
        // The document has them all.
        _ => None,
    };
    let mut part = json!({ "name": name, "repository": repository, "exit_code": run.exit.code() });
    if let (Value::Object(part), Value::Object(document)) = (&mut part, &run.document) {
        part.extend(document.clone());
    }
    part
}
