//! The one loop that moves bytes: bounded concurrency, the first error wins, every byte is counted.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stonekeep_format::Crc32c;

use super::rate_limiter::RateLimiter;
use crate::{Clock, Error, ErrorKind, Observer, Phase, Progress, Result};

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
            let Some((index, item)) = lock(&queue).next() else {
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a phase has to do and has done, told to the observer now and then; also where a stop request is seen.
pub(crate) struct Meter<'a> {
    observer: &'a dyn Observer,
    clock: &'a dyn Clock,
    limiter: &'a RateLimiter,
    phase: Phase,
    interval_bytes: u64,
    bytes_total: u64,
    files_total: u64,
    bytes_done: AtomicU64,
    files_done: AtomicU64,
    /// Held while the observer is told, so that what it hears never goes back.
    telling: Mutex<()>,
}

impl<'a> Meter<'a> {
    /// A meter for a phase with this much done and to do; the observer is told of the start.
    pub(crate) fn start(
        observer: &'a dyn Observer,
        clock: &'a dyn Clock,
        limiter: &'a RateLimiter,
        interval_bytes: u64,
        begin: Progress,
    ) -> Self {
        let meter = Meter {
            observer,
            clock,
            limiter,
            phase: begin.phase,
            interval_bytes: interval_bytes.max(1),
            bytes_total: begin.bytes_total,
            files_total: begin.files_total,
            bytes_done: AtomicU64::new(begin.bytes_done),
            files_done: AtomicU64::new(begin.files_done),
            telling: Mutex::default(),
        };
        meter.tell();
        meter
    }

    /// An error if somebody asked to stop.
    ///
    /// # Errors
    /// `Stopped`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.observer.should_stop() {
            Err(Error::stopped())
        } else {
            Ok(())
        }
    }

    /// Counts a finished file.
    pub(crate) fn file_done(&self) {
        if self.files_done.fetch_add(1, Ordering::Relaxed) + 1 == self.files_total {
            self.tell();
        }
    }

    /// Makes an I/O error that a stop request caused a `Stopped` one.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Io && self.observer.should_stop() {
            Error::stopped()
        } else {
            error
        }
    }

    /// Counts bytes that need not be moved.
    pub(crate) fn skip(&self, bytes: u64) {
        self.bytes_moved(bytes);
    }

    fn bytes_moved(&self, bytes: u64) {
        let before = self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        if before / self.interval_bytes != (before + bytes) / self.interval_bytes {
            self.tell();
        }
    }

    fn tell(&self) {
        let _one_at_a_time = lock(&self.telling);
        self.observer.progressed(&Progress {
            phase: self.phase,
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: self.bytes_total,
            files_done: self.files_done.load(Ordering::Relaxed),
            files_total: self.files_total,
        });
    }
}

/// Reads exactly so many bytes of something, and on the way computes their checksum, keeps to the rate limit, counts
/// them and ends when somebody asks to stop. A source that ends early is an `UnexpectedEof`.
pub(crate) struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter<'a>,
    left: u64,
    most_bytes: usize,
    crc32c: u32,
}

impl<'a, R: Read> Metered<'a, R> {
    /// Reads the first `size_bytes` of `inner`.
    pub(crate) fn new(inner: R, size_bytes: u64, meter: &'a Meter<'a>) -> Self {
        Metered {
            inner,
            meter,
            left: size_bytes,
            most_bytes: usize::MAX,
            crc32c: 0,
        }
    }

    /// Reads no more than this at a time, however large the reader's buffer is.
    pub(crate) fn at_most(mut self, most_bytes: usize) -> Self {
        self.most_bytes = most_bytes;
        self
    }

    /// The checksum of what has been read so far.
    pub(crate) fn crc32c(&self) -> Crc32c {
        Crc32c(self.crc32c)
    }

    /// Reads to the end, for the checksum alone.
    ///
    /// # Errors
    /// As `read`.
    pub(crate) fn drain(&mut self, buffer: &mut [u8]) -> io::Result<Crc32c> {
        loop {
            match self.read(buffer) {
                Ok(0) => return Ok(self.crc32c()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.observer.should_stop() {
            return Err(io::Error::other("stopped on request"));
        }
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        let limit = limit
            .min(buffer.len())
            .min(self.most_bytes)
            .min(self.meter.limiter.request_limit_bytes());
        let Some(part) = buffer.get_mut(..limit).filter(|part| !part.is_empty()) else {
            return Ok(0);
        };
        let count = self.inner.read(part)?;
        if count == 0 {
            let missing = format!("the file ended {} bytes early", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, missing));
        }
        self.crc32c = crc32c::crc32c_append(self.crc32c, part.get(..count).unwrap_or_default());
        self.left = self.left.saturating_sub(count as u64);
        let stop = || self.meter.observer.should_stop();
        self.meter.limiter.acquire(count as u64, self.meter.clock, &stop);
        self.meter.bytes_moved(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Quiet, StopSwitch, SystemClock};

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

    fn meter<'a>(observer: &'a dyn Observer, limiter: &'a RateLimiter) -> Meter<'a> {
        let begin = Progress {
            files_total: 1,
            bytes_total: 9,
            ..Progress::begin(Phase::Copying)
        };
        Meter::start(observer, &SystemClock, limiter, 1, begin)
    }

    #[test]
    fn a_source_that_ends_early_is_an_error() {
        let limiter = RateLimiter::default();
        let meter = meter(&Quiet, &limiter);
        let mut whole = Metered::new(&b"123456789"[..], 9, &meter);
        assert_eq!(whole.drain(&mut [0; 4]).unwrap(), Crc32c(0xE306_9283));
        let mut prefix = Metered::new(&b"123456789 and more"[..], 9, &meter);
        assert_eq!(prefix.drain(&mut [0; 4]).unwrap(), Crc32c(0xE306_9283));
        let mut short = Metered::new(&b"1234"[..], 9, &meter);
        assert_eq!(
            short.drain(&mut [0; 3]).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn no_more_is_read_at_a_time_than_the_limits_say() {
        let limiter = RateLimiter::default();
        let meter = meter(&Quiet, &limiter);
        let mut reader = Metered::new(&b"123456789"[..], 9, &meter).at_most(4);
        let counts = [(); 4].map(|()| reader.read(&mut [0; 100]).unwrap());
        assert_eq!(counts, [4, 4, 1, 0]);
        limiter.set_bytes_per_second(30);
        let mut reader = Metered::new(&b"123456789"[..], 9, &meter);
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 3);
    }

    #[test]
    fn a_stop_request_ends_a_copy() {
        let (switch, limiter) = (StopSwitch::new(), RateLimiter::default());
        let meter = meter(&switch, &limiter);
        let mut reader = Metered::new(&b"123456789"[..], 9, &meter);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 4);
        switch.stop();
        let error = Error::io("copying x", reader.read(&mut [0; 4]).unwrap_err());
        assert_eq!(meter.explain(error).kind(), ErrorKind::Stopped);
    }
}
