//! The one reader that bytes are moved through: every byte is counted, and no rate limit exceeded.

use std::fmt::Display;
use std::io::{self, Read};
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use stonekeep_format::Crc32c;

use super::rate_limiter::RateLimiter;
use crate::{Clock, Error, Observer, Phase, Progress, Result};

/// Some files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        Amount {
            files: self.files + other.files,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Of files of these sizes.
impl FromIterator<u64> for Amount {
    fn from_iter<I: IntoIterator<Item = u64>>(sizes: I) -> Self {
        let of_one = |bytes| Amount { files: 1, bytes };
        sizes.into_iter().map(of_one).fold(Amount::default(), Add::add)
    }
}

/// What a phase has to do and has done, which is reported to the observer at intervals. It also sees stop requests.
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
    /// Held while progress is reported, so that it never goes back.
    reporting: Mutex<()>,
}

impl<'a> Meter<'a> {
    /// A meter for a phase with this much done and to do. The start is reported.
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
            reporting: Mutex::default(),
        };
        meter.report();
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
            self.report();
        }
    }

    /// Counts bytes that need not be moved.
    pub(crate) fn skip(&self, bytes: u64) {
        self.bytes_moved(bytes);
    }

    /// Counts bytes that were read otherwise than through a [`Metered`] reader, and waits as the rate limit says.
    ///
    /// # Errors
    /// `Stopped`, as the error inside of an I/O error.
    pub(crate) fn count(&self, bytes: u64) -> io::Result<()> {
        if self.observer.should_stop() {
            return Err(io::Error::other(Error::stopped()));
        }
        let stop = || self.observer.should_stop();
        self.limiter.acquire(bytes, self.clock, &stop);
        self.bytes_moved(bytes);
        Ok(())
    }

    /// Takes back bytes that were counted, and have to be moved again.
    pub(crate) fn take_back(&self, bytes: u64) {
        self.bytes_done.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bytes_moved(&self, bytes: u64) {
        let before = self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        if before / self.interval_bytes != (before + bytes) / self.interval_bytes {
            self.report();
        }
    }

    fn report(&self) {
        let _one_at_a_time = self.reporting.lock().unwrap_or_else(PoisonError::into_inner);
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
/// them and ends when somebody asks to stop.
///
/// Its I/O errors carry the [`Error`] that they are: `Stopped`, or an `Io` that names what was read, of the kind
/// `UnexpectedEof` where that ended early. [`Error::of_reading`] takes it out again.
pub(crate) struct Metered<'a, R> {
    inner: R,
    name: &'a (dyn Display + Sync),
    meter: &'a Meter<'a>,
    left: u64,
    most_bytes: usize,
    crc32c: u32,
}

impl<'a, R: Read> Metered<'a, R> {
    /// Reads the first `size_bytes` of `inner`, which errors call by this name.
    pub(crate) fn new(
        inner: R,
        name: &'a (dyn Display + Sync),
        size_bytes: u64,
        meter: &'a Meter<'a>,
    ) -> Self {
        Metered {
            inner,
            name,
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

    /// Goes on where bytes with this checksum were read before.
    pub(crate) fn after(mut self, crc32c: Crc32c) -> Self {
        self.crc32c = crc32c.0;
        self
    }

    /// How many bytes are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The checksum of what has been read so far.
    pub(crate) fn crc32c(&self) -> Crc32c {
        Crc32c(self.crc32c)
    }

    /// Reads to the end, for the checksum alone.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors.
    pub(crate) fn drain(&mut self, buffer: &mut [u8]) -> Result<Crc32c> {
        loop {
            match self.read(buffer) {
                Ok(0) => return Ok(self.crc32c()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::of_reading(error, || self.doing())),
            }
        }
    }

    fn doing(&self) -> String {
        format!("reading {}", self.name)
    }

    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Error::of_reading(error, || self.doing()))
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.observer.should_stop() {
            return Err(io::Error::other(Error::stopped()));
        }
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        let limit = limit
            .min(buffer.len())
            .min(self.most_bytes)
            .min(self.meter.limiter.request_limit_bytes());
        let Some(part) = buffer.get_mut(..limit).filter(|part| !part.is_empty()) else {
            return Ok(0);
        };
        let count = self.inner.read(part);
        let count = count.map_err(|error| self.named(error))?;
        if count == 0 {
            let missing = format!("the file ended {} bytes early", self.left);
            return Err(self.named(io::Error::new(io::ErrorKind::UnexpectedEof, missing)));
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
    use crate::{ErrorKind, Quiet, StopSwitch, SystemClock};

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
        let mut whole = Metered::new(&b"123456789"[..], &"x", 9, &meter);
        assert_eq!(whole.drain(&mut [0; 4]).unwrap(), Crc32c(0xE306_9283));
        let mut prefix = Metered::new(&b"123456789 and more"[..], &"x", 9, &meter);
        assert_eq!(prefix.drain(&mut [0; 4]).unwrap(), Crc32c(0xE306_9283));
        let mut short = Metered::new(&b"1234"[..], &"/db/x", 9, &meter);
        let error = short.drain(&mut [0; 3]).unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::UnexpectedEof));
        assert_eq!(error.one_line(), "reading /db/x: the file ended 5 bytes early");
    }

    #[test]
    fn no_more_is_read_at_a_time_than_the_limits_say() {
        let limiter = RateLimiter::default();
        let meter = meter(&Quiet, &limiter);
        let mut reader = Metered::new(&b"123456789"[..], &"x", 9, &meter).at_most(4);
        let counts = [(); 4].map(|()| reader.read(&mut [0; 100]).unwrap());
        assert_eq!(counts, [4, 4, 1, 0]);
        limiter.set_bytes_per_second(30);
        let mut reader = Metered::new(&b"123456789"[..], &"x", 9, &meter);
        assert_eq!(reader.read(&mut [0; 100]).unwrap(), 3);
    }

    #[test]
    fn a_stop_request_ends_a_copy() {
        let (switch, limiter) = (StopSwitch::new(), RateLimiter::default());
        let meter = meter(&switch, &limiter);
        let mut reader = Metered::new(&b"123456789"[..], &"x", 9, &meter);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 4);
        switch.stop();
        let error = Error::of_reading(reader.read(&mut [0; 4]).unwrap_err(), String::new);
        assert_eq!(error.kind(), ErrorKind::Stopped);
    }

    /// Fails once, and is asked to stop at the same moment.
    struct Failing<'a>(&'a StopSwitch);

    impl Read for Failing<'_> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.stop();
            Err(io::Error::other("the disk is broken"))
        }
    }

    #[test]
    fn a_stop_request_hides_no_error_of_the_disk() {
        let (switch, limiter) = (StopSwitch::new(), RateLimiter::default());
        let meter = meter(&switch, &limiter);
        let mut reader = Metered::new(Failing(&switch), &"/db/000009.sst", 9, &meter);
        let error = reader.drain(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.one_line(), "reading /db/000009.sst: the disk is broken");
    }
}
