//! Work on several threads: bounded, in the items' order, and the first error wins.

use std::io;
use std::sync::PoisonError;

use crate::sync::{AtomicBool, Mutex, Ordering, scope, spawn_scoped};
use crate::{Error, ErrorKind, Result};

/// The number of threads that rename many files. The kernel does one rename at a time; a second thread prepares the next.
const MOVERS: usize = 2;
const MANY_MOVES: usize = 64;

/// The number of threads to rename this number of files.
pub(crate) fn movers_of(files: usize) -> usize {
    if files < MANY_MOVES { 1 } else { MOVERS }
}

/// Runs `work` on every item, at most `workers` at the same time, and returns the results in the items' order. If the
/// system cannot start enough threads, there are fewer workers; the calling thread is always one of them. After the first
/// error no further item is begun, and that error is returned when the running ones have ended.
///
/// # Errors
/// The first error of `work`; if that only says that a stop was requested, another one that happened meanwhile.
pub(crate) fn run_bounded<T, R, W>(workers: usize, items: Vec<T>, work: W) -> Result<Vec<R>>
where
    T: Send,
    R: Send,
    W: Fn(T) -> Result<R> + Sync,
{
    let count = items.len();
    if workers <= 1 || count <= 1 {
        return items.into_iter().map(work).collect();
    }
    let (queue, failed) = (Mutex::new(items.into_iter().enumerate()), AtomicBool::new(false));
    // Each worker keeps its own results: one that has ended an item need not wait for another.
    let worker = || {
        let _stops_the_others = StopOnPanic(&failed);
        let mut results = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let Some((index, item)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                break;
            };
            match work(item) {
                Ok(result) => results.push((index, result)),
                Err(error) => {
                    let is_first = !failed.swap(true, Ordering::Relaxed);
                    return (results, Some(Failure { error, is_first }));
                }
            }
        }
        (results, None)
    };
    let ended: Vec<_> = scope(|scope| {
        let others: Vec<_> = (1..workers.min(count))
            .map_while(|_| thread_or_none(spawn_scoped(scope, worker)))
            .collect();
        let mut ended = vec![worker()];
        for other in others {
            ended.push(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        ended
    });
    in_order(count, ended)
}

/// The outcome of a worker: results with the indices of their items, and the error that ended it.
type Ended<R> = (Vec<(usize, R)>, Option<Failure>);

/// An error of a worker, and whether it was the first one of all.
struct Failure {
    error: Error,
    is_first: bool,
}

/// The results of all workers in the order of the items, or the error that ended the run.
fn in_order<R>(count: usize, ended: Vec<Ended<R>>) -> Result<Vec<R>> {
    let mut ordered: Vec<Option<R>> = (0..count).map(|_| None).collect();
    let (results, failures): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
    let rank = |failure: &Failure| (failure.error.kind() == ErrorKind::Stopped, !failure.is_first);
    if let Some(failure) = failures.into_iter().flatten().min_by_key(rank) {
        return Err(failure.error);
    }
    for results in results {
        for (index, result) in results {
            if let Some(place) = ordered.get_mut(index) {
                *place = Some(result);
            }
        }
    }
    Ok(ordered.into_iter().flatten().collect())
}

/// Keeps the other workers from beginning further items if this one panics, as an observer may.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs both in parallel if two workers are allowed and a thread can be started, else one after the other.
pub(crate) fn run_both<A, B: Send>(
    workers: usize,
    first: impl FnOnce() -> A,
    second: impl Fn() -> B + Sync,
) -> (A, B) {
    if workers <= 1 {
        return (first(), second());
    }
    scope(|scope| {
        let other = thread_or_none(spawn_scoped(scope, &second));
        let first = first();
        let second = match other {
            Some(other) => other.join(),
            None => Ok(second()),
        };
        (
            first,
            second.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

/// Runs `prepare` and `work` on a thread of their own; if none can be started, `work` alone on the calling thread.
pub(crate) fn run_apart<R: Send>(prepare: impl FnOnce() + Send, work: impl Fn() -> R + Sync) -> R {
    scope(|scope| {
        let prepared = || {
            prepare();
            work()
        };
        match thread_or_none(spawn_scoped(scope, prepared)) {
            Some(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => work(),
        }
    })
}

/// The thread; `None` where the system does not let one be started (`ulimit -u`, a pids cgroup, address space).
pub(crate) fn thread_or_none<T>(started: io::Result<T>) -> Option<T> {
    started
        .inspect_err(|error| tracing::debug!(%error, "cannot start a thread; continuing with fewer"))
        .ok()
}

#[cfg(all(test, shuttle))]
mod interleaved;

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        for workers in [1, 2, 8] {
            let squares = run_bounded(workers, (0u64..100).collect(), |n| Ok(n * n)).unwrap();
            assert_eq!(squares, (0u64..100).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_ends_the_run() {
        for workers in [1, 4] {
            let begun = AtomicU64::new(0);
            let result = run_bounded(workers, (0..1000).collect(), |n: u64| {
                begun.fetch_add(1, Ordering::Relaxed);
                if n == 3 {
                    Err(Error::invalid("three"))
                } else {
                    Ok(n)
                }
            });
            assert_eq!(result.unwrap_err().to_string(), "three");
            assert!(begun.load(Ordering::Relaxed) < 1000);
        }
    }

    #[test]
    fn a_stop_request_hides_no_error_that_happens_meanwhile() {
        let (stopped, failing) = (AtomicBool::new(false), AtomicBool::new(false));
        let result = run_bounded(2, vec![true, false], |stops| {
            if stops {
                while !failing.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                stopped.store(true, Ordering::Relaxed);
                Err(Error::stopped())
            } else {
                failing.store(true, Ordering::Relaxed);
                while !stopped.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                Err::<(), _>(Error::io("reading x", io::ErrorKind::InvalidData.into()))
            }
        });
        assert_eq!(result.unwrap_err().to_string(), "reading x");
    }

    #[test]
    fn two_tasks_run_in_order_or_in_parallel() {
        let count = AtomicU64::new(0);
        let next = || count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(run_both(1, next, next), (0, 1));
        let (first, second) = (AtomicBool::new(false), AtomicBool::new(false));
        let meet = |here: &AtomicBool, other: &AtomicBool| {
            here.store(true, Ordering::Relaxed);
            while !other.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        };
        run_both(2, || meet(&first, &second), || meet(&second, &first));
    }
}
