//! Keeps a lease that is held: renews it, knows whether it is valid, and releases it.

use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use super::clock::StoreClock;
use super::objects::{Found, Listed, Overwritten, may_pass};
use super::others::{Ground, Living, Others};
use super::record::Record;
use super::same_host::LockFile;
use crate::sync::{Mutex, MutexGuard};
use crate::{Error, ErrorKind, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How often a holder that waits for the end of a request in doubt looks whether to stop.
const STOP_ASKED_EVERY: Duration = Duration::from_millis(200);

/// The holder's side of one lease.
#[derive(Debug)]
pub(crate) struct Keeper {
    ground: Ground,
    name: String,
    store_clock: StoreClock,
    /// What was written last. Its lock is held while it is written, so that two writes are never under way.
    written: Mutex<Record>,
    state: Mutex<State>,
    others: Mutex<Others>,
    lock: Mutex<Option<LockFile>>,
}

#[derive(Debug)]
struct State {
    /// The own time just before the last write that was acknowledged was sent.
    acknowledged: Duration,
    /// Why it is lost, for good.
    lost: Option<String>,
    /// The lease says that its holder deletes.
    says_deleting: bool,
    /// The own time until which the store accepts requests that had no definite answer.
    in_doubt_until: Duration,
}

/// What a look at the leases has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    Alone,
    /// Changes must wait until it is gone.
    Another(Living),
}

/// What the taking of a lease hands over.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) name: String,
    pub(super) record: Record,
    pub(super) store_clock: StoreClock,
    pub(super) others: Others,
    pub(super) lock: Option<LockFile>,
    /// The own time just before the lease was put.
    pub(super) sent: Duration,
}

impl Keeper {
    pub(super) fn new(ground: Ground, begin: Begin) -> Self {
        Keeper {
            ground,
            name: begin.name,
            store_clock: begin.store_clock,
            written: Mutex::new(begin.record),
            state: Mutex::new(State {
                acknowledged: begin.sent,
                lost: None,
                says_deleting: false,
                in_doubt_until: Duration::ZERO,
            }),
            others: Mutex::new(begin.others),
            lock: Mutex::new(begin.lock),
        }
    }

    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The name of its object.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn store_clock(&self) -> &StoreClock {
        &self.store_clock
    }

    /// The time by the store's clock, at least.
    pub(crate) fn store_now(&self) -> SystemTime {
        self.store_clock.now(self.ground.clock.boottime())
    }

    /// Whether the lease of a dead holder was found when it was taken, or later.
    pub(super) fn took_over(&self) -> bool {
        locked(&self.others).found_dead()
    }

    /// How long it is certain to last from now on.
    ///
    /// # Errors
    /// `Locked` if it is lost.
    pub(crate) fn valid_for(&self) -> Result<Duration> {
        self.valid_in(&mut locked(&self.state))
    }

    fn valid_in(&self, state: &mut State) -> Result<Duration> {
        if let Some(reason) = &state.lost {
            return Err(self.is_lost(reason));
        }
        let elapsed = self.elapsed(state);
        let valid = self.ground.times.valid();
        match valid.checked_sub(elapsed) {
            Some(rest) if !rest.is_zero() => Ok(rest),
            _ => {
                let reason = format!(
                    "it was not renewed for {} s: the machine or the process slept, or the store did not answer",
                    elapsed.as_secs()
                );
                let error = self.is_lost(&reason);
                state.lost = Some(reason);
                Err(error)
            }
        }
    }

    fn elapsed(&self, state: &State) -> Duration {
        self.ground.clock.boottime().saturating_sub(state.acknowledged)
    }

    /// How long from now on the store may accept a request, so that none is accepted when another one may have taken the lease.
    pub(crate) fn may_be_accepted_for(&self) -> Result<Duration> {
        let mut state = locked(&self.state);
        self.valid_in(&mut state)?;
        let times = self.ground.times;
        let rest = times.period.saturating_sub(self.elapsed(&state));
        Ok(rest.saturating_sub(times.margin()))
    }

    /// No request may be accepted later after its signature: the lease says so to those who find its holder dead.
    pub(crate) fn accepted_for(&self) -> Duration {
        locked(&self.written).accepted_for()
    }

    fn is_lost(&self, reason: &str) -> Error {
        let message = format!("the lease of {} is lost: {reason}", self.ground.location);
        Error::new(ErrorKind::Locked, message)
            .with_hint("another process may have taken it meanwhile; run this again")
    }

    fn lose(&self, reason: &str) -> Error {
        locked(&self.state).lost.get_or_insert_with(|| reason.to_owned());
        self.is_lost(reason)
    }

    /// Raises the counter of the lease's object.
    ///
    /// # Errors
    /// `Locked` if the lease is lost. After any other error it may be tried again.
    pub(crate) fn renew(&self) -> Result<()> {
        self.write(|_| {})
    }

    /// Says in the lease that its holder deletes from now on. To be called before the first deletion.
    ///
    /// # Errors
    /// As [`Keeper::renew`].
    pub(crate) fn doing_deletions(&self) -> Result<()> {
        if locked(&self.state).says_deleting {
            return self.valid_for().map(drop);
        }
        let accepted_for = accepted_for(&self.ground, &self.store_clock);
        self.persistently(|| {
            self.write(|record| {
                record.deleting = true;
                record.set_accepted_for(accepted_for);
            })
        })?;
        locked(&self.state).says_deleting = true;
        Ok(())
    }

    fn write(&self, change: impl FnOnce(&mut Record)) -> Result<()> {
        let mut written = locked(&self.written);
        self.valid_for()?;
        let Some(found) = self.ground.objects.get(&self.name)? else {
            return Err(self.not_found());
        };
        if !is_of(&found, &written) {
            return Err(self.lose("another object has its name"));
        }
        // Also after an attempt that failed: it may have been carried out.
        written.counter += 1;
        change(&mut written);
        self.valid_for()?;
        let sent = self.ground.clock.boottime();
        written.renewed_at(sent);
        let content = written.encode()?;
        match self
            .ground
            .objects
            .overwrite(&self.name, &content, &found.version)?
        {
            Overwritten::Done => self.acknowledge(sent),
            Overwritten::Changed => Err(Error::new(
                ErrorKind::Io,
                format!(
                    "the lease of {} changed while it was renewed",
                    self.ground.location
                ),
            )),
        }
    }

    /// The error for an own object that cannot be read. Some stores cannot read for a while what they list.
    fn not_found(&self) -> Error {
        match self.ground.objects.list() {
            Ok(listed) if listed.iter().any(|lease| lease.name == self.name) => Error::new(
                ErrorKind::Io,
                format!(
                    "the lease of {} is listed, and cannot be read",
                    self.ground.location
                ),
            ),
            Ok(_) => self.lose("somebody removed its object"),
            Err(error) => error,
        }
    }

    fn acknowledge(&self, sent: Duration) -> Result<()> {
        let mut state = locked(&self.state);
        // An answer that comes too late does not bring it back: others may have judged by what was there before.
        self.valid_in(&mut state)?;
        state.acknowledged = state.acknowledged.max(sent);
        Ok(())
    }

    /// Looks which leases are there.
    pub(super) fn look(&self) -> Result<Look> {
        let listed = self.ground.objects.list()?;
        self.valid_for()?;
        if !listed.iter().any(|lease| lease.name == self.name) {
            return Err(self.lose("somebody removed its object"));
        }
        let others: Vec<Listed> = listed
            .into_iter()
            .filter(|lease| lease.name != self.name)
            .collect();
        let living = locked(&self.others).review(&self.ground, &self.store_clock, &others)?;
        Ok(living
            .into_iter()
            .max_by_key(|other| other.free_in)
            .map_or(Look::Alone, Look::Another))
    }

    /// Waits until no other lease is there. Whether it had to: then what was signed before is signed again.
    ///
    /// # Errors
    /// `Locked` if the lease is lost, or the other one does not go.
    pub(crate) fn wait_until_alone(&self) -> Result<bool> {
        let start = self.ground.clock.boottime();
        let mut waited = false;
        loop {
            let other = match self.persistently(|| self.look())? {
                Look::Alone => return Ok(waited),
                Look::Another(other) => other,
            };
            waited = true;
            // Two that are alive see each other only where somebody removed the object of one of them.
            if self.ground.clock.boottime().saturating_sub(start) > self.ground.times.period * 3 {
                let message = format!(
                    "{} is also locked by {}, which does not give way",
                    self.ground.location, other.holder
                );
                return Err(
                    Error::new(ErrorKind::Locked, message).with_hint("run this again when it has finished")
                );
            }
            self.go_on()?;
            self.ground.clock.sleep(self.ground.times.poll());
        }
    }

    fn go_on(&self) -> Result<()> {
        if self.ground.stop.is_asked() {
            return Err(Error::stopped());
        }
        Ok(())
    }

    /// Renews it, if need be repeatedly.
    pub(crate) fn renew_now(&self) -> Result<()> {
        self.persistently(|| self.renew())
    }

    /// Tries again what failed for the moment, as long as the lease is valid.
    fn persistently<T>(&self, mut request: impl FnMut() -> Result<T>) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match request() {
                Err(error) if may_pass(&error) => error,
                answer => return answer,
            };
            self.valid_for()?;
            self.go_on()?;
            tracing::debug!(reason = %error.one_line(), "a request under a lease is tried again");
            self.ground.clock.sleep(pause);
            pause = (pause * 2).min(self.ground.times.tried_again_after());
        }
    }

    /// A request had no definite answer, and the store may carry it out for so long.
    pub(crate) fn in_doubt_for(&self, time: Duration) {
        let until = self.ground.clock.boottime() + time;
        let mut state = locked(&self.state);
        state.in_doubt_until = state.in_doubt_until.max(until);
    }

    /// Removes the lease, as soon as no request in doubt can be carried out any more. A lease that cannot be removed runs out.
    pub(super) fn release(&self) {
        // Waits for a write that is under way.
        let _written = locked(&self.written);
        let until = {
            let mut state = locked(&self.state);
            state.lost.get_or_insert_with(|| "it was released".to_owned());
            state.in_doubt_until
        };
        if self.wait_until(until) {
            self.ground.remove(&self.name, locked(&self.lock).take());
        } else {
            tracing::info!(
                "the lease stays behind, as if its holder had died: a request may still be carried out"
            );
            drop(locked(&self.lock).take());
        }
    }

    /// Waits until no request is in doubt any more; `false` if somebody asks to stop before.
    fn wait_until(&self, until: Duration) -> bool {
        let rest = || until.saturating_sub(self.ground.clock.boottime());
        if !rest().is_zero() {
            tracing::info!(
                seconds = rest().as_secs(),
                "the lease is kept until an unanswered request has run out"
            );
        }
        while !rest().is_zero() {
            if self.ground.stop.is_asked() {
                return false;
            }
            self.ground.clock.sleep(rest().min(STOP_ASKED_EVERY));
        }
        true
    }

    /// Ends it as the death of the process does.
    pub(super) fn abandon(&self) {
        locked(&self.state)
            .lost
            .get_or_insert_with(|| "its holder is dead".to_owned());
        drop(locked(&self.lock).take());
    }
}

/// A signature is counted from the wall clock's time, so that it lasts longer if that is ahead of the store's.
pub(super) fn accepted_for(ground: &Ground, store_clock: &StoreClock) -> Duration {
    ground.times.sent_within() + store_clock.lead(ground.clock.as_ref())
}

fn is_of(found: &Found, record: &Record) -> bool {
    Record::decode(&found.content).is_some_and(|there| there.nonce == record.nonce)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
