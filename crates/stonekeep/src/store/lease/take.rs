//! Takes the lease: puts an own one, lists, and gives way to others.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use super::clock::StoreClock;
use super::keep::{Begin, Keeper, accepted_for};
use super::objects::{Listed, may_pass};
use super::others::{Ground, Living, Others};
use super::record::Record;
use super::same_host::LockFile;
use crate::store::pin_name::random;
use crate::store::{LockWait, waiting};
use crate::{Error, ErrorKind, Result};

/// How often a request is tried, with growing pauses between.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How often a caller that waits is asked whether it wants to stop.
const STOP_ASKED_EVERY: Duration = Duration::from_millis(50);

/// Waits for the lease as long as the caller wants to.
pub(super) fn take(
    ground: &Ground,
    wait: LockWait,
    holder: &str,
    should_stop: &dyn Fn() -> bool,
) -> Result<Keeper> {
    let waiting = Waiting {
        ground,
        wait,
        start: ground.clock.boottime(),
        should_stop,
    };
    let mut others = Others::default();
    loop {
        waiting.go_on()?;
        let attempt = Attempt::put(&waiting, holder)?;
        others.ignore(&attempt.name);
        let store_clock = match attempt.look(&waiting, &mut others) {
            Ok((store_clock, living)) if living.is_empty() => {
                return Ok(attempt.into_keeper(ground, store_clock, others));
            }
            Ok((store_clock, living)) => {
                attempt.give_way(ground);
                waiting.require_time(&living)?;
                store_clock
            }
            Err(error) => {
                attempt.give_way(ground);
                return Err(error);
            }
        };
        waiting.until_free(&store_clock, &mut others)?;
    }
}

/// An own lease that was put, and is not held yet.
struct Attempt {
    name: String,
    record: Record,
    lock: Option<LockFile>,
    sent: Duration,
    acknowledged: Duration,
}

impl Attempt {
    fn put(waiting: &Waiting<'_>, holder: &str) -> Result<Attempt> {
        let ground = waiting.ground;
        let name = format!("{:016x}{:016x}", random(), random());
        let lock = LockFile::make(&ground.lock_directories, &name);
        let identity = lock.as_ref().map(|lock| lock.identity);
        let nonce = format!("{:016x}", random());
        let mut record = Record::new(holder, nonce, ground.times.period, identity);
        let mut sent = Duration::ZERO;
        let put = waiting.persistently(|| {
            sent = ground.clock.boottime();
            record.renewed_at(sent);
            ground.objects.put_new(&name, &record.encode()?)
        });
        let attempt = Attempt {
            name,
            record,
            lock,
            sent,
            acknowledged: ground.clock.boottime(),
        };
        match put {
            Ok(()) => Ok(attempt),
            // It may be there nevertheless.
            Err(error) => {
                attempt.give_way(ground);
                Err(error)
            }
        }
    }

    /// The store's clock, and who else is there.
    fn look(&self, waiting: &Waiting<'_>, others: &mut Others) -> Result<(StoreClock, Vec<Living>)> {
        let ground = waiting.ground;
        let listed = waiting.persistently(|| ground.objects.list())?;
        let own = listed.iter().find(|lease| lease.name == self.name);
        let own = own.ok_or_else(|| self.is_not_listed(ground))?;
        let store_clock = StoreClock::new(own.modified, self.acknowledged);
        let living = review(waiting, &store_clock, others, &listed)?;
        Ok((store_clock, living))
    }

    /// The error for an own lease that is gone already.
    fn is_not_listed(&self, ground: &Ground) -> Error {
        let location = &ground.location;
        let elapsed = ground.clock.boottime().saturating_sub(self.sent);
        if elapsed >= ground.times.period {
            let seconds = elapsed.as_secs();
            let message = format!(
                "the lease of {location} is lost: this process did not go on for {seconds} s after it had put it"
            );
            return Error::new(ErrorKind::Locked, message)
                .with_hint("another process has taken it meanwhile; run this again");
        }
        let message =
            format!("{location} does not list an object that was just written: it is no place for backups");
        Error::new(ErrorKind::Unsupported, message)
    }

    fn into_keeper(mut self, ground: &Ground, store_clock: StoreClock, others: Others) -> Keeper {
        self.record.set_accepted_for(accepted_for(ground, &store_clock));
        let begin = Begin {
            name: self.name,
            record: self.record,
            store_clock,
            others,
            lock: self.lock,
            sent: self.sent,
        };
        Keeper::new(ground.clone(), begin)
    }

    fn give_way(self, ground: &Ground) {
        ground.remove(&self.name, self.lock);
    }
}

fn review(
    waiting: &Waiting<'_>,
    store_clock: &StoreClock,
    others: &mut Others,
    listed: &[Listed],
) -> Result<Vec<Living>> {
    waiting.persistently(|| others.review(waiting.ground, store_clock, listed))
}

/// A caller that waits for the lease.
struct Waiting<'a> {
    ground: &'a Ground,
    wait: LockWait,
    start: Duration,
    should_stop: &'a dyn Fn() -> bool,
}

impl Waiting<'_> {
    fn go_on(&self) -> Result<()> {
        if (self.should_stop)() {
            return Err(Error::stopped());
        }
        Ok(())
    }

    /// `Locked` if the time is over. Leases that seem to be dead are watched to the end, also by a caller that does not wait.
    fn require_time(&self, living: &[Living]) -> Result<()> {
        let waited = self.ground.clock.boottime().saturating_sub(self.start);
        let is_over = match self.wait {
            LockWait::Fail => true,
            LockWait::AtMost(limit) => waited >= limit,
            LockWait::Forever => false,
        };
        match living.iter().find(|other| !other.is_suspect) {
            Some(other) if is_over => Err(is_locked(&self.ground.location, other)),
            _ => Ok(()),
        }
    }

    /// Waits until no lease of another one is listed.
    fn until_free(&self, store_clock: &StoreClock, others: &mut Others) -> Result<()> {
        loop {
            self.pause()?;
            let listed = self.persistently(|| self.ground.objects.list())?;
            let living = review(self, store_clock, others, &listed)?;
            if living.is_empty() {
                return Ok(());
            }
            self.require_time(&living)?;
        }
    }

    /// For a time that differs from that of others who wait, but not beyond the limit.
    fn pause(&self) -> Result<()> {
        let poll = self.ground.times.poll();
        let waited = self.ground.clock.boottime().saturating_sub(self.start);
        let jittered = poll / 2 + poll.mul_f64(jitter());
        let pause = match self.wait {
            LockWait::AtMost(limit) if limit > waited => jittered.min(limit - waited),
            _ => jittered,
        };
        self.sleep(pause)
    }

    fn sleep(&self, time: Duration) -> Result<()> {
        let until = self.ground.clock.boottime() + time;
        loop {
            self.go_on()?;
            let rest = until.saturating_sub(self.ground.clock.boottime());
            if rest.is_zero() {
                return Ok(());
            }
            self.ground.clock.sleep(rest.min(STOP_ASKED_EVERY));
        }
    }

    /// Tries a request again that failed for the moment.
    fn persistently<T>(&self, mut request: impl FnMut() -> Result<T>) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match request() {
                Err(error) if may_pass(&error) => {
                    tracing::debug!(reason = %error.one_line(), "a request for a lease is tried again");
                }
                answer => return answer,
            }
            self.sleep(pause)?;
            pause *= 2;
        }
        request()
    }
}

fn is_locked(location: &str, other: &Living) -> Error {
    let minutes = other.free_in.as_secs().div_ceil(60).max(1);
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    waiting::locked(location, &other.holder).with_hint(format!(
        "wait until it has finished; if it has died, a run that waits takes the lease in {minutes} {unit} at the latest"
    ))
}

/// Between 0 and 1.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(random()) >> 32;
    random as f64 / f64::from(u32::MAX)
}
