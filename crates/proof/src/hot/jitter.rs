//! Probes that provoke races in a capture.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stonekeep::format::file_name::DbFileName;
use stonekeep::image::hot::{Probe, Step};

/// Waits before each step, and before each file is opened; for a second in all, then once in a while only, or a
/// database that changes hundreds of times in a second would never be captured.
#[derive(Debug)]
pub struct Jitter(Mutex<Waits>);

#[derive(Debug)]
struct Waits {
    random: fastrand::Rng,
    left: Duration,
}

impl Jitter {
    const AT_MOST: Duration = Duration::from_millis(2);
    const IN_ALL: Duration = Duration::from_secs(1);
    /// Of so many steps one waits when that time is over.
    const RARELY: u32 = 64;

    /// Times that derive from this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Waits {
            random: fastrand::Rng::with_seed(seed),
            left: Self::IN_ALL,
        }))
    }
}

impl Probe for Jitter {
    fn at(&self, _: Step) {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.left.is_zero() && waits.random.u32(..Self::RARELY) > 0 {
            return;
        }
        let time = Self::AT_MOST.mul_f64(waits.random.f64());
        waits.left = waits.left.saturating_sub(time);
        sleep(time);
    }
}

/// Waits before the last look only, so that something will have changed: with a writer that is fast the strict rule does
/// not close, and the fallback rule must.
#[derive(Debug)]
pub struct LateLook;

impl Probe for LateLook {
    fn at(&self, step: Step) {
        if step == Step::Close {
            sleep(Duration::from_millis(10));
        }
    }
}

/// The negative control: the capture goes on whatever was added to the MANIFEST while it waited. It waits until the WAL
/// that was written when the state was read is gone: what stood there is now in tables that the state does not know.
///
/// A wait of a fixed time would not do. A slow writer has flushed nothing by then, and a fast one has written every key
/// again, so that newer WALs contain everything; [`SMALL_MEMTABLES`](super::settings::SMALL_MEMTABLES) keep them from that.
#[derive(Debug)]
pub struct Blind {
    wal_dir: PathBuf,
    /// It waits once for each state: if it waited between the two listings of the WALs, it could end up with none, and
    /// be refused instead of wrong.
    has_waited: AtomicBool,
}

impl Blind {
    const LOOK_EVERY: Duration = Duration::from_micros(200);
    /// If the writer has died, the image may be right; the caller checks that.
    const AT_MOST: Duration = Duration::from_secs(30);

    /// For a database whose WALs are there.
    pub fn new(wal_dir: PathBuf) -> Self {
        Self {
            wal_dir,
            has_waited: AtomicBool::new(false),
        }
    }

    fn wait_for_a_flush(&self) {
        let Some(wal) = self.newest_wal() else { return };
        let begin = Instant::now();
        while wal.exists() && begin.elapsed() < Self::AT_MOST {
            sleep(Self::LOOK_EVERY);
        }
    }

    fn newest_wal(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(&self.wal_dir).ok()?.flatten();
        let wals = entries.filter_map(|entry| match DbFileName::parse(entry.file_name().to_str()?)? {
            DbFileName::Wal(number) => Some((number, entry.path())),
            _ => None,
        });
        wals.max().map(|(_, path)| path)
    }
}

impl Probe for Blind {
    fn at(&self, step: Step) {
        match step {
            Step::ReadState => self.has_waited.store(false, Ordering::Relaxed),
            Step::ListWals if !self.has_waited.swap(true, Ordering::Relaxed) => self.wait_for_a_flush(),
            _ => {}
        }
    }

    fn ignores_closing_check(&self) -> bool {
        true
    }
}
