//! Work on several threads: bounded, in the items' order, and the first error wins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Error, Result};

/// So many files get other names at the same time, if there are many: the kernel renames one after the other, but what
/// else there is to do for each fills the gaps.
const MOVERS: usize = 2;
const MANY_MOVES: usize = 64;

/// How many threads give so many files other names.
pub(crate) fn movers_of(files: usize) -> usize {
    if files < MANY_MOVES { 1 } else { MOVERS }
}

/// Runs `work` on every item, at most `workers` at the same time, and gives the results in the items' order. After the
/// first error no further item is begun, and that error is returned when the running ones have ended.
///
/// # Errors
/// The first error of `work`.
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
                    let first = !failed.swap(true, Ordering::Relaxed);
                    return (results, first.then_some(error));
                }
            }
        }
        (results, None)
    };
    let ended: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers.min(count)).map(|_| scope.spawn(worker)).collect();
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

/// What a worker has come to: results with the places of their items, and the error that ended the run if it was this
/// worker's.
type Ended<R> = (Vec<(usize, R)>, Option<Error>);

/// The results of all workers in the order of the items, or the error that ended the run.
fn in_order<R>(count: usize, ended: Vec<Ended<R>>) -> Result<Vec<R>> {
    let mut ordered: Vec<Option<R>> = (0..count).map(|_| None).collect();
    for (results, error) in ended {
        if let Some(error) = error {
            return Err(error);
        }
        for (index, result) in results {
            if let Some(place) = ordered.get_mut(index) {
                *place = Some(result);
            }
        }
    }
    Ok(ordered.into_iter().flatten().collect())
}

/// Tells the other workers to begin nothing more when this one panics, as an observer may.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Does both at the same time if there may be two workers, else one after the other.
pub(crate) fn run_both<A, B: Send>(
    workers: usize,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    if workers <= 1 {
        return (first(), second());
    }
    thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        let second = second.join();
        (
            first,
            second.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

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
    fn both_are_done_in_order_or_at_the_same_time() {
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
