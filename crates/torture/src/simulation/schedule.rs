//! Tasks that run one at a time, in simulated time, in an order that follows from a seed.
//!
//! Each task has a thread, since the library blocks and keeps state by thread; but a thread runs only while it has the baton, so
//! that all of them together are as one. A task hands the baton on when it waits in simulated time ([`Schedule::wait`]), and when
//! it ends. The next one is whoever has waited for the earliest time; that time is then the present. Nothing else takes time.
//!
//! A task belongs to a process. A process can be stopped for a while: none of its tasks goes on meanwhile. Some tasks are repeated
//! beside the main task of their process, as the renewal of a lease is. The library holds a mutex while such a request is
//! under way, which the main task may want, and would wait for with the baton in its hand. So while one task of a
//! process is in such a request ([`Schedule::alone`]), the others of this process wait.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use fastrand::Rng;

use super::pool;

/// A history that takes so many steps does not end.
const MOST_STEPS: u64 = 400_000;

type Event = Box<dyn FnOnce() + Send>;

thread_local! {
    static ME: RefCell<Option<(Arc<Schedule>, usize)>> = const { RefCell::new(None) };
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Schedule {
    inside: Mutex<Inside>,
}

struct Inside {
    now: Duration,
    rng: Rng,
    tasks: Vec<Task>,
    processes: BTreeMap<usize, Process>,
    events: BTreeMap<(Duration, u64), Event>,
    /// Who has the baton; `None`: whoever called [`Schedule::run`].
    running: Option<usize>,
    driver: Option<Thread>,
    steps: u64,
    failure: Option<String>,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Task {
    process: usize,
    state: State,
    thread: Option<Thread>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits(Duration),
    /// Waits for the end of another task.
    Joins(usize),
    Ended,
}

#[derive(Debug, Default)]
struct Process {
    stopped_until: Duration,
    /// The task that runs alone.
    alone: Option<usize>,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Schedule {
            inside: Mutex::new(Inside {
                now: Duration::ZERO,
                rng: Rng::with_seed(seed),
                tasks: Vec::new(),
                processes: BTreeMap::new(),
                events: BTreeMap::new(),
                running: None,
                driver: None,
                steps: 0,
                failure: None,
            }),
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present.
    pub(super) fn now(&self) -> Duration {
        self.inside().now
    }

    /// Something that follows from the seed.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.inside().rng)
    }

    /// A number that is larger than those before.
    pub(super) fn serial(&self) -> u64 {
        let mut inside = self.inside();
        inside.steps += 1;
        inside.steps
    }

    /// How many steps there were.
    pub(super) fn steps(&self) -> u64 {
        self.inside().steps
    }

    /// A broken promise; the first one counts.
    pub(super) fn fail(&self, reason: impl Into<String>) {
        self.inside().failure.get_or_insert_with(|| reason.into());
    }

    /// Whether a promise is broken already.
    pub(super) fn has_failed(&self) -> bool {
        self.inside().failure.is_some()
    }

    /// The broken promise.
    pub(super) fn failure(&self) -> Option<String> {
        self.inside().failure.clone()
    }

    /// Something that happens by itself.
    pub(super) fn after(&self, time: Duration, event: impl FnOnce() + Send + 'static) {
        let mut inside = self.inside();
        inside.steps += 1;
        let at = (inside.now + time, inside.steps);
        inside.events.insert(at, Box::new(event));
    }

    /// A new task, which begins after this time.
    pub(super) fn spawn(
        self: &Arc<Self>,
        process: usize,
        after: Duration,
        work: impl FnOnce() + Send + 'static,
    ) -> usize {
        let me = {
            let mut inside = self.inside();
            let begin = inside.now + after;
            inside.tasks.push(Task {
                process,
                state: State::Waits(begin),
                thread: None,
            });
            inside.tasks.len() - 1
        };
        let schedule = Arc::clone(self);
        let started = pool::run(move || {
            ME.set(Some((Arc::clone(&schedule), me)));
            schedule.inside().tasks[me].thread = Some(thread::current());
            schedule.await_baton(Some(me));
            work();
            ME.set(None);
            schedule.end(me);
        });
        if let Err(error) = started {
            self.inside().tasks[me].state = State::Ended;
            self.fail(format!("no thread: {error}"));
        }
        me
    }

    /// Runs until all tasks have ended.
    pub(super) fn run(self: &Arc<Self>) {
        let mut inside = self.inside();
        inside.driver = Some(thread::current());
        self.hand_on(inside);
        self.await_baton(None);
    }

    /// The task that calls this waits so long.
    pub(super) fn wait(self: &Arc<Self>, time: Duration) {
        let Some(me) = self.me() else { return };
        let mut inside = self.inside();
        let until = inside.now + time;
        inside.tasks[me].state = State::Waits(until);
        self.hand_on(inside);
        self.await_baton(Some(me));
    }

    /// Waits until a task has ended; it does not wait any more by itself.
    pub(super) fn join(self: &Arc<Self>, task: usize) {
        let Some(me) = self.me() else { return };
        let mut inside = self.inside();
        if inside.tasks[task].state == State::Ended {
            return;
        }
        let now = inside.now;
        let is_alone = inside
            .processes
            .values()
            .any(|process| process.alone == Some(task));
        if !is_alone {
            inside.tasks[task].state = State::Waits(now);
        }
        inside.tasks[me].state = State::Joins(task);
        self.hand_on(inside);
        self.await_baton(Some(me));
    }

    /// Other tasks of this process wait until `work` is done.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(me) = self.me() else { return work() };
        let outer = self.set_alone(me, Some(me));
        let done = work();
        self.set_alone(me, outer);
        done
    }

    fn set_alone(&self, me: usize, alone: Option<usize>) -> Option<usize> {
        let mut inside = self.inside();
        let process = inside.tasks[me].process;
        let entry = inside.processes.entry(process).or_default();
        std::mem::replace(&mut entry.alone, alone)
    }

    /// No task of this process goes on for so long.
    pub(super) fn stop_process(&self, process: usize, time: Duration) {
        let mut inside = self.inside();
        let until = inside.now + time;
        inside.processes.entry(process).or_default().stopped_until = until;
    }

    /// Whether the thread that calls this is a task. The library starts some for a listing beside other work: what these ask for
    /// takes no time.
    pub(super) fn is_task(&self) -> bool {
        self.me().is_some()
    }

    fn me(&self) -> Option<usize> {
        ME.with_borrow(|me| {
            let (schedule, task) = me.as_ref()?;
            std::ptr::eq(schedule.as_ref(), self).then_some(*task)
        })
    }

    fn end(&self, me: usize) {
        let mut inside = self.inside();
        inside.tasks[me].state = State::Ended;
        let now = inside.now;
        for task in &mut inside.tasks {
            if task.state == State::Joins(me) {
                task.state = State::Waits(now);
            }
        }
        self.hand_on(inside);
    }

    /// Gives the baton to the next one, and lets happen what comes before.
    fn hand_on<'s>(&'s self, mut inside: MutexGuard<'s, Inside>) {
        inside.steps += 1;
        if inside.steps > MOST_STEPS {
            inside
                .failure
                .get_or_insert_with(|| "the history does not end".to_owned());
        }
        loop {
            let next = inside.next();
            let event = inside.events.first_entry().map(|event| event.key().0);
            match (next, event) {
                (next, Some(at)) if next.is_none_or(|(time, _)| at <= time) => {
                    inside.now = inside.now.max(at);
                    let event = inside.events.pop_first();
                    drop(inside);
                    if let Some((_, event)) = event {
                        event();
                    }
                    inside = self.inside();
                }
                (Some((time, task)), _) => {
                    inside.now = inside.now.max(time);
                    inside.running = Some(task);
                    wake(inside.tasks[task].thread.as_ref());
                    return;
                }
                (None, _) => {
                    if inside.tasks.iter().any(|task| task.state != State::Ended) {
                        inside
                            .failure
                            .get_or_insert_with(|| "all wait for each other".to_owned());
                    }
                    inside.running = None;
                    wake(inside.driver.as_ref());
                    return;
                }
            }
        }
    }

    fn await_baton(&self, me: Option<usize>) {
        while self.inside().running != me {
            thread::park();
        }
    }
}

fn wake(thread: Option<&Thread>) {
    if let Some(thread) = thread
        && thread.id() != thread::current().id()
    {
        thread.unpark();
    }
}

impl Inside {
    /// The next task, and when it goes on.
    fn next(&self) -> Option<(Duration, usize)> {
        let goes_on = |(index, task): (usize, &Task)| {
            let State::Waits(until) = task.state else {
                return None;
            };
            let process = self.processes.get(&task.process);
            if process
                .and_then(|process| process.alone)
                .is_some_and(|it| it != index)
            {
                return None;
            }
            let stopped_until = process.map_or(Duration::ZERO, |process| process.stopped_until);
            Some((until.max(stopped_until), index))
        };
        self.tasks.iter().enumerate().filter_map(goes_on).min()
    }
}
