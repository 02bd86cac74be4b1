//! Threads that run one job after the other, so that a history need not start its own.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for a job.
static IDLE: Mutex<Vec<Sender<Job>>> = Mutex::new(Vec::new());

/// Runs a job on a thread that does nothing else meanwhile.
///
/// # Panics
/// If no thread can be started.
pub(super) fn run(job: impl FnOnce() + Send + 'static) {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let thread = idle.unwrap_or_else(start);
    let job: Job = Box::new({
        let thread = thread.clone();
        move || {
            job();
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
    });
    thread.send(job).expect("a thread of the pool never ends");
}

fn start() -> Sender<Job> {
    let (sender, jobs) = channel::<Job>();
    let work = move || jobs.iter().for_each(|job| job());
    thread::Builder::new()
        .name("simulation".to_owned())
        .spawn(work)
        .expect("a thread");
    sender
}
