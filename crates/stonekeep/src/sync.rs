//! Threads, locks and channels of what is also run in every order that a scheduler can choose: those of std, and in the models
//! those of shuttle. The models are the unit tests named `interleaved`; `cargo xtask interleavings` builds and runs them.

#[cfg(not(all(test, shuttle)))]
pub(crate) use self::real::*;
#[cfg(all(test, shuttle))]
pub(crate) use self::scheduled::*;

#[cfg(not(all(test, shuttle)))]
mod real {
    use std::io;
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
    #[cfg(any(feature = "hdfs", feature = "object-store"))]
    pub(crate) use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope};
    #[cfg(any(feature = "hdfs", feature = "object-store"))]
    use std::time::Duration;

    pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> io::Result<ScopedJoinHandle<'scope, T>> {
        Builder::new().spawn_scoped(scope, work)
    }

    #[cfg(any(feature = "hdfs", feature = "object-store"))]
    pub(crate) fn receive_within<T>(receiver: &Receiver<T>, time: Duration) -> Result<T, RecvTimeoutError> {
        receiver.recv_timeout(time)
    }
}

#[cfg(all(test, shuttle))]
mod scheduled {
    use std::io;
    pub(crate) use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
    use std::time::Duration;

    use shuttle::rand::Rng;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use shuttle::sync::mpsc::{Receiver, Sender, channel};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use shuttle::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope};

    pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> io::Result<ScopedJoinHandle<'scope, T>> {
        Ok(scope.spawn(work))
    }

    /// There is no time: each wait ends by itself, or not before something arrives.
    pub(crate) fn receive_within<T>(receiver: &Receiver<T>, _: Duration) -> Result<T, RecvTimeoutError> {
        if shuttle::rand::thread_rng().r#gen() {
            return receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        shuttle::thread::yield_now();
        receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }
}

/// So many orders of each model in which each thread is as likely as any other to go on at each step, and as many with few
/// switches, between which a thread gets far ahead of the others. The seed is always the same.
#[cfg(all(test, shuttle))]
const ORDERS: usize = 1_000;
#[cfg(all(test, shuttle))]
const SWITCHES: usize = 3;

/// Runs a model in many orders. A failure prints its order, which `shuttle::replay` repeats.
#[cfg(all(test, shuttle))]
pub(crate) fn in_every_order(model: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    let model = std::sync::Arc::new(model);
    let again = std::sync::Arc::clone(&model);
    let random = RandomScheduler::new_from_seed(1, ORDERS);
    shuttle::Runner::new(random, shuttle::Config::default()).run(move || model());
    let switches = PctScheduler::new_from_seed(1, SWITCHES, ORDERS);
    shuttle::Runner::new(switches, shuttle::Config::default()).run(move || again());
}
