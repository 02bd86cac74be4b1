//! What happens while the WALs are measured, and when that was.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use stonekeep::image::follow::{Begun, Follower, Looking, Start, Watch};
use stonekeep::{Clock, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;

use super::scene::{database, source, tick};

/// What is done once.
type Deed = Box<dyn FnOnce() + Send>;

/// A clock that does something at one of its readings of the time of day.
struct Hooked {
    readings: AtomicU32,
    at: u32,
    deed: Mutex<Option<Deed>>,
    now: Option<SystemTime>,
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a clock with a hook at reading {}", self.at)
    }
}

impl Clock for Hooked {
    fn now(&self) -> SystemTime {
        if self.readings.fetch_add(1, Ordering::Relaxed) + 1 == self.at
            && let Some(deed) = self.deed.lock().unwrap().take()
        {
            deed();
        }
        self.now.unwrap_or_else(SystemTime::now)
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn follow(path: &std::path::Path, clock: Hooked) -> Follower {
    let source = source(path).with_clock(Arc::new(clock));
    let watch = Watch::open(&source, Looking::Listings, &Quiet).unwrap();
    let Begun::Following(follower) = watch.begin(Start::Now, &Quiet).unwrap() else {
        panic!("it has a WAL");
    };
    *follower
}

#[test]
fn what_was_written_before_a_column_family_was_dropped_is_in_the_tick_that_drops_it() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let family = database.create_column_family("late");
    let path = database.path().to_owned();
    let database = Arc::new(Mutex::new(database));
    let theirs = Arc::clone(&database);
    // The second reading comes after the WALs were measured, and before the MANIFEST is read.
    let clock = Hooked {
        readings: AtomicU32::new(0),
        at: 2,
        deed: Mutex::new(Some(Box::new(move || {
            let mut database = theirs.lock().unwrap();
            database.write(1);
            database.drop_column_family(family);
        }))),
        now: None,
    };
    let mut follower = follow(&path, clock);
    let tick = tick(&mut follower);
    let last = tick.position.last_sequence.and_then(|last| last.exact());
    assert_eq!(tick.edits.len(), 1);
    assert_eq!(last, Some(database.lock().unwrap().sequence_number()));
    assert_eq!(tick.pieces.iter().map(|piece| piece.records).sum::<u64>(), 1);
}

#[test]
fn the_time_after_measuring_is_rounded_up() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(1);
    let clock = Hooked {
        readings: AtomicU32::new(0),
        at: 0,
        deed: Mutex::default(),
        now: Some(SystemTime::UNIX_EPOCH + Duration::from_micros(5_000_001)),
    };
    let tick = tick(&mut follow(database.path(), clock));
    assert_eq!((tick.before.wall_ms, tick.after.wall_ms), (5_000, 5_001));
}
