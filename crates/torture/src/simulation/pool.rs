//! Threads that run one job after the other, so that a history need not start its own.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for a job.
static IDLE: Mutex<Vec<Sender<Job>>> = Mutex::new(Vec::new());

/// Runs a job on a thread that does nothing else meanwhile.
///
/// # Errors
/// If no thread can be started.
pub(super) fn run(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let thread = idle.map_or_else(start, Ok)?;
    let again = thread.clone();
    let job: Job = Box::new(move || {
        job();
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(again);
    });
    thread
        .send(job)
        .map_err(|_| io::Error::other("the thread has ended"))
}

fn start() -> io::Result<Sender<Job>> {
    let (sender, jobs) = channel::<Job>();
    let work = move || jobs.iter().for_each(|job| job());
    thread::Builder::new().name("simulation".to_owned()).spawn(work)?;
    Ok(sender)
}
