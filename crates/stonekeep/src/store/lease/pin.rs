//! Pins where a place has no locks: visible objects that their holders put again and again.
//!
//! The first line of the object is the holder's, with a counter; the content follows. The times are those of a period of 10
//! minutes.
//! - Made: put under a new name. Put again every minute, unless its name is not listed any more: then it is lost.
//! - Lost for its holder, for good: not put again for 4 minutes, by a clock that goes on in sleep.
//! - Let go: removed, if it still is the holder's.
//! - Dead, for a collector: older than 5 minutes by the store's clock, and unchanged while it watched for 3 minutes by its own
//!   clock. It watches all pins that are old at the same time. Without the store's clock, and when the watch is
//!   stopped, a pin counts as held.
//!
//! A killed holder leaves the object, and the next collection removes it. A holder that was stopped finds its pin lost.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::StoreClock;
use super::objects::Version;
use super::others::Ground;
use crate::store::PinState;
use crate::store::contract::Lease;
use crate::store::machine::Repeating;
use crate::store::pin_name::random;
use crate::sync::{Mutex, MutexGuard};
use crate::{Error, ErrorKind, Result};

/// How often a watch of three minutes looks.
const LOOKS: u32 = 18;

/// The first line of a pin.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    stonekeep_pin_holder: u32,
    nonce: String,
    counter: u64,
}

/// Holds a pin until it is dropped.
#[derive(Debug)]
pub(crate) struct HeldPin {
    pin: Arc<Pin>,
    /// Without it the pin is lost after some minutes.
    renewals: Option<Box<dyn Repeating>>,
    abandoned: bool,
}

#[derive(Debug)]
struct Pin {
    ground: Ground,
    name: String,
    content: Vec<u8>,
    nonce: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    counter: u64,
    /// The own time just before the last put that was acknowledged was sent.
    acknowledged: Duration,
    is_lost: bool,
}

impl HeldPin {
    /// Makes a pin with this name, which was never used. The store's clock is known from it.
    pub(crate) fn make(
        ground: Ground,
        name: String,
        content: &[u8],
    ) -> Result<(HeldPin, Option<StoreClock>)> {
        let pin = Pin {
            name,
            content: content.to_owned(),
            nonce: format!("{:016x}", random()),
            state: Mutex::new(State {
                counter: 0,
                acknowledged: ground.clock.boottime(),
                is_lost: false,
            }),
            ground,
        };
        let object = pin.object(0)?;
        let made = pin.ground.objects.put_new(&pin.name, &object);
        let acknowledged = pin.ground.clock.boottime();
        let store_clock = made.and_then(|()| pin.store_clock(acknowledged));
        let pin = Arc::new(pin);
        let mut held = HeldPin {
            renewals: None,
            pin: Arc::clone(&pin),
            abandoned: false,
        };
        // Dropped, it removes what may be there.
        let store_clock = store_clock?;
        held.renewals = renewals(pin);
        Ok((held, store_clock))
    }
}

fn renewals(pin: Arc<Pin>) -> Option<Box<dyn Repeating>> {
    let every = pin.ground.times.renewed_every();
    let clock = Arc::clone(&pin.ground.clock);
    let renew = move || {
        if let Err(error) = pin.renew() {
            tracing::warn!(reason = %error.one_line(), "a pin was not renewed");
        }
        Some(every)
    };
    match clock.repeat("stonekeep-pin", every, Box::new(renew)) {
        Ok(renewals) => Some(renewals),
        Err(error) => {
            tracing::info!(%error, "no thread renews a pin");
            None
        }
    }
}

impl Pin {
    fn object(&self, counter: u64) -> Result<Vec<u8>> {
        let header = Header {
            stonekeep_pin_holder: 1,
            nonce: self.nonce.clone(),
            counter,
        };
        let mut object = serde_json::to_vec(&header)
            .map_err(|error| Error::new(ErrorKind::Io, "writing a pin").with_source(error))?;
        object.push(b'\n');
        object.extend_from_slice(&self.content);
        Ok(object)
    }

    fn store_clock(&self, acknowledged: Duration) -> Result<Option<StoreClock>> {
        let listed = self.ground.objects.list()?;
        let own = listed.into_iter().find(|pin| pin.name == self.name);
        Ok(own.map(|own| StoreClock::new(own.modified, acknowledged)))
    }

    fn renew(&self) -> Result<()> {
        // Held while it is put, so that two puts are never under way.
        let mut state = self.state();
        self.require_held(&mut state)?;
        let listed = self.ground.objects.list()?;
        if !listed.iter().any(|pin| pin.name == self.name) {
            return Err(self.lose(&mut state));
        }
        self.require_held(&mut state)?;
        let sent = self.ground.clock.boottime();
        state.counter += 1;
        let object = self.object(state.counter)?;
        self.ground
            .objects
            .overwrite(&self.name, &object, &Version::default())?;
        self.require_held(&mut state)?;
        state.acknowledged = sent;
        Ok(())
    }

    fn require_held(&self, state: &mut State) -> Result<Duration> {
        let elapsed = self.ground.clock.boottime().saturating_sub(state.acknowledged);
        let rest = self.ground.times.pin_valid().saturating_sub(elapsed);
        if state.is_lost || rest.is_zero() {
            return Err(self.lose(state));
        }
        Ok(rest)
    }

    fn lose(&self, state: &mut State) -> Error {
        state.is_lost = true;
        let message = format!("the pin {} of {} is lost", self.name, self.ground.location);
        Error::new(ErrorKind::Locked, message)
    }

    fn is_there(&self) -> Result<bool> {
        let found = self.ground.objects.get(&self.name)?;
        Ok(found.is_some_and(|found| {
            let line = found
                .content
                .split(|&byte| byte == b'\n')
                .next()
                .unwrap_or_default();
            serde_json::from_slice::<Header>(line).is_ok_and(|header| header.nonce == self.nonce)
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease for HeldPin {
    fn valid_for(&self) -> Result<Duration> {
        let is_there = self.pin.is_there()?;
        let mut state = self.pin.state();
        if !is_there {
            return Err(self.pin.lose(&mut state));
        }
        self.pin.require_held(&mut state)
    }

    fn took_over(&self) -> bool {
        false
    }

    fn abandon(mut self: Box<Self>) {
        self.abandoned = true;
    }
}

impl Drop for HeldPin {
    fn drop(&mut self) {
        drop(self.renewals.take());
        if self.abandoned {
            return;
        }
        let removed = match self.pin.is_there() {
            Ok(true) => self.pin.ground.objects.delete(&self.pin.name),
            other => other.map(drop),
        };
        if let Err(error) = removed {
            tracing::warn!(reason = %error.one_line(), "a pin stays behind, as if its holder had died");
        }
    }
}

/// What a collector has seen of pins.
#[derive(Debug, Default)]
pub(crate) struct PinWatch {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    content: Vec<u8>,
    /// The own time since which it was not seen to change.
    since: Duration,
}

impl PinWatch {
    /// Looks at a pin, and removes it if its holder is dead, which may take three minutes.
    pub(crate) fn sweep(
        &mut self,
        ground: &Ground,
        store_clock: Option<&StoreClock>,
        name: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<PinState> {
        let Some(store_clock) = known_to_be_old(ground, store_clock, name)? else {
            return Ok(match ground.objects.get(name)? {
                Some(_) => PinState::Held,
                None => PinState::Removed,
            });
        };
        self.look_at_all(ground, store_clock)?;
        let watched = ground.times.pin_watched();
        let Some(first) = self.seen.get(name).map(|seen| seen.since) else {
            return Ok(PinState::Removed);
        };
        loop {
            let asked = ground.clock.boottime();
            let Some(found) = ground.objects.get(name)? else {
                return Ok(PinState::Removed);
            };
            let is_same = |seen: &Seen| seen.content == found.content && seen.since == first;
            if !self.seen.get(name).is_some_and(is_same) {
                return Ok(PinState::Held);
            }
            if asked.saturating_sub(first) >= watched {
                ground.objects.delete(name)?;
                self.seen.remove(name);
                return Ok(PinState::Removed);
            }
            if should_stop() {
                return Ok(PinState::Held);
            }
            pause(ground, watched / LOOKS, should_stop);
        }
    }

    /// Begins to watch each old one that is not watched yet, so that one watch is enough for all.
    fn look_at_all(&mut self, ground: &Ground, store_clock: &StoreClock) -> Result<()> {
        let listed = ground.objects.list()?;
        self.seen
            .retain(|name, _| listed.iter().any(|pin| pin.name == *name));
        let now = ground.clock.boottime();
        let old = listed
            .into_iter()
            .filter(|pin| age(store_clock, now, pin.modified) >= ground.times.pin_old());
        for pin in old {
            let Some(found) = ground.objects.get(&pin.name)? else {
                continue;
            };
            let now = ground.clock.boottime();
            let seen = self.seen.entry(pin.name).or_insert_with(|| Seen {
                content: found.content.clone(),
                since: now,
            });
            if seen.content != found.content {
                seen.content = found.content;
                seen.since = now;
            }
        }
        Ok(())
    }
}

/// The store's clock, if the pin is old by it.
fn known_to_be_old<'c>(
    ground: &Ground,
    store_clock: Option<&'c StoreClock>,
    name: &str,
) -> Result<Option<&'c StoreClock>> {
    let Some(store_clock) = store_clock else {
        return Ok(None);
    };
    let now = ground.clock.boottime();
    let listed = ground.objects.list()?;
    let pin = listed.into_iter().find(|pin| pin.name == name);
    let is_old = pin.is_some_and(|pin| age(store_clock, now, pin.modified) >= ground.times.pin_old());
    Ok(is_old.then_some(store_clock))
}

fn age(store_clock: &StoreClock, now: Duration, modified: std::time::SystemTime) -> Duration {
    store_clock.now(now).duration_since(modified).unwrap_or_default()
}

fn pause(ground: &Ground, time: Duration, should_stop: &dyn Fn() -> bool) {
    const STEP: Duration = Duration::from_millis(50);
    let until = ground.clock.boottime() + time;
    while !should_stop() {
        let rest = until.saturating_sub(ground.clock.boottime());
        if rest.is_zero() {
            return;
        }
        ground.clock.sleep(rest.min(STEP));
    }
}

#[cfg(test)]
pub(super) fn renew(held: &HeldPin) -> Result<()> {
    held.pin.renew()
}
