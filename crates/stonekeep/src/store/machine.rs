//! What a store takes from the machine that it runs on, besides its files: the time, and work that goes on beside the caller.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::Clock;
use crate::sync::{Builder, JoinHandle, RecvTimeoutError, Sender, channel, receive_within};

/// Work that is done again and again: it returns after which time, or `None` if not again.
pub type Repeat = Box<dyn FnMut() -> Option<Duration> + Send>;

/// Another machine than the one that this process runs on, for simulations of several: its time, and the renewals of what is held
/// there.
pub trait Machine: Clock {
    /// Does this work after `first` for the first time, until the answer is dropped. `name` is for people.
    ///
    /// # Errors
    /// If that is not possible.
    fn repeat(&self, name: &str, first: Duration, work: Repeat) -> io::Result<Box<dyn Repeating>>;
}

/// Work that is repeated. Dropping it ends that, and waits for the end of what is being done.
pub trait Repeating: fmt::Debug + Send + Sync {}

/// A thread that repeats work.
#[derive(Debug)]
struct Thread(Option<(Sender<()>, JoinHandle<()>)>);

impl Repeating for Thread {}

/// Repeats work on a thread of its own.
pub(super) fn repeat_on_thread(
    name: &str,
    first: Duration,
    mut work: Repeat,
) -> io::Result<Box<dyn Repeating>> {
    let (sender, receiver) = channel::<()>();
    let repeated = move || {
        let mut pause = first;
        while receive_within(&receiver, pause) == Err(RecvTimeoutError::Timeout) {
            match work() {
                Some(next) => pause = next,
                None => return,
            }
        }
    };
    let thread = Builder::new().name(name.to_owned()).spawn(repeated)?;
    Ok(Box::new(Thread(Some((sender, thread)))))
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            // Nobody is left to tell of a panic.
            let _ = thread.join();
        }
    }
}
