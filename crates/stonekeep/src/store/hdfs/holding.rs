//! Takes the lease, makes pins, and looks at those of others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::address::Address;
use super::client::Client;
use super::holder::Leases;
use super::small_files::Pins;
use super::workshop::Workshop;
use crate::store::contract::Lease;
use crate::store::lease::{
    self, BootClock, Ground, HeldPin, Keeper, LeaseObjects, PinWatch, StoreClock, Times,
};
use crate::store::stop::Stop;
use crate::store::{Key, LockWait, PinState, new_pin_name};
use crate::{Error, Result};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Holding {
    address: Address,
    times: Times,
    stop: Stop,
    /// The store's clock, as the last own pin has shown it.
    clock_of_pin: Mutex<Option<StoreClock>>,
    watch: Mutex<PinWatch>,
}

impl Holding {
    pub(super) fn new(address: Address, stop: Stop) -> Self {
        Holding {
            times: address.settings.times,
            address,
            stop,
            clock_of_pin: Mutex::default(),
            watch: Mutex::default(),
        }
    }

    pub(super) fn set_times(&mut self, times: Times) {
        self.times = times;
    }

    /// A client that shares nothing with the one that moves data.
    fn client(&self) -> Result<Arc<Client>> {
        Ok(Arc::new(Client::new(self.address.clone(), self.stop.clone())?))
    }

    fn ground(&self, objects: Arc<dyn LeaseObjects>) -> Ground {
        Ground {
            objects,
            clock: Arc::new(BootClock),
            times: self.times,
            stop: self.stop.clone(),
            lock_directories: lease::directories(),
            location: self.address.display(),
        }
    }

    /// Takes the lease. From then on everything goes through its holder's directory.
    pub(super) fn take(
        &self,
        workshop: &Workshop,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Lease>> {
        let leases = Arc::new(Leases::new(self.client()?, self.times.request_limit()));
        let ground = self.ground(Arc::clone(&leases) as _);
        let held = lease::take(&ground, wait, holder, should_stop)?;
        let keeper = held.keeper();
        workshop.set_keeper(keeper);
        leases.clear_away(keeper.name(), keeper.store_now(), self.times.period)?;
        Ok(Box::new(held))
    }

    fn pins(&self, directory: &Key) -> Result<Ground> {
        let pins = Pins::new(self.client()?, self.times.request_limit(), directory);
        Ok(self.ground(Arc::new(pins)))
    }

    /// Makes a pin in a directory.
    pub(super) fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        let name = new_pin_name();
        let key = directory.join(&name)?;
        let (held, store_clock) = HeldPin::make(self.pins(directory)?, name, content)?;
        if store_clock.is_some() {
            *locked(&self.clock_of_pin) = store_clock;
        }
        Ok((key, Box::new(held)))
    }

    /// Removes a pin if its holder is dead.
    pub(super) fn sweep_pin(
        &self,
        keeper: Option<&Keeper>,
        key: &Key,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<PinState> {
        let directory = key.parent();
        let directory = directory.ok_or_else(|| Error::invalid(format!("{key} is no pin")))?;
        let of_lease = keeper.map(|keeper| *keeper.store_clock());
        let store_clock = of_lease.or(*locked(&self.clock_of_pin));
        let ground = self.pins(&directory)?;
        locked(&self.watch).sweep(&ground, store_clock.as_ref(), key.name(), should_stop)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
