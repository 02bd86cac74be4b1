//! The lease that is held through a store, and the fence that comes with it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use object_store::ObjectStore;
use object_store::client::HttpClient;
use object_store::signer::Signer;

use super::client::Client;
use super::fence::{Fence, Sender};
use super::lease_objects::LeaseDirectory;
use super::paths::Paths;
use super::signed::{SignedClient, SignedRequests};
use crate::store::contract::Lease;
use crate::store::lease::{
    self, BootClock, ClockOf, Ground, HeldPin, Keeper, LeaseClock, PinWatch, StoreClock, Times,
};
use crate::store::stop::Stop;
use crate::store::{Key, LockWait, Machine, PinState, new_pin_name};
use crate::{Error, ErrorKind, Result};

/// The directory of the leases.
const LEASES: &str = "stonekeep/leases";

/// Makes a client that shares nothing with those that move data.
pub(super) type NewClient = Box<dyn Fn() -> Result<Arc<dyn ObjectStore>> + Send + Sync>;

/// The lease, while it is held.
pub(super) struct Holding {
    paths: Paths,
    location: String,
    new_client: NewClient,
    times: Times,
    stop: Stop,
    clock: Arc<dyn LeaseClock>,
    machine: Option<Arc<dyn Machine>>,
    sender: Sender,
    keeper: Mutex<Weak<Keeper>>,
    /// The store's clock, as the last own pin has shown it.
    clock_of_pin: Mutex<Option<StoreClock>>,
    watch: Mutex<PinWatch>,
}

impl Holding {
    /// `client` is the store's.
    pub(super) fn new(
        client: &Client,
        paths: Paths,
        new_client: NewClient,
        sender: Sender,
        times: Times,
    ) -> Self {
        Holding {
            paths,
            location: client.display().to_owned(),
            new_client,
            times,
            stop: client.stop().clone(),
            clock: clock_of(client.machine()),
            machine: client.machine().cloned(),
            sender,
            keeper: Mutex::default(),
            clock_of_pin: Mutex::default(),
            watch: Mutex::default(),
        }
    }

    pub(super) fn set_times(&mut self, times: Times) {
        self.times = times;
    }

    pub(super) fn set_signer(&mut self, signer: Arc<dyn Signer>, requests: SignedRequests, http: HttpClient) {
        self.sender = Sender::Signed(SignedClient::new(signer, requests, http));
    }

    pub(super) fn trust_one_process(&mut self) {
        if let Sender::Plain {
            used_by_one_process, ..
        } = &mut self.sender
        {
            *used_by_one_process = true;
        }
    }

    /// What signs requests, where there is a signer.
    pub(super) fn signed(&self) -> Option<&SignedClient> {
        match &self.sender {
            Sender::Signed(client) => Some(client),
            Sender::Plain { .. } => None,
        }
    }

    /// `Unsupported` without a signer, unless the caller vouches for one process.
    pub(super) fn require_collectable(&self) -> Result<()> {
        match &self.sender {
            Sender::Plain {
                used_by_one_process: false,
                ..
            } => {
                let message = format!(
                    "{} cannot keep a process that was stopped from deleting later what others use by then",
                    self.location
                );
                Err(Error::new(ErrorKind::Unsupported, message)
                    .with_hint("open it with a signer, or say that one process alone uses the repository"))
            }
            _ => Ok(()),
        }
    }

    /// What a lease or a pin needs, below this directory.
    fn ground(&self, directory: &Key) -> Result<Ground> {
        let client = Client::of(
            (self.new_client)()?,
            self.location.clone(),
            self.stop.clone(),
            self.machine.clone(),
        )?;
        let directory = self.paths.of(Some(directory))?;
        let limit = self.times.request_limit();
        Ok(Ground {
            objects: Arc::new(LeaseDirectory::new(Arc::new(client), directory, limit)),
            clock: Arc::clone(&self.clock),
            times: self.times,
            stop: self.stop.clone(),
            lock_directories: match &self.machine {
                Some(_) => Vec::new(),
                None => lease::directories(),
            },
            location: self.location.clone(),
        })
    }

    /// Takes the lease.
    pub(super) fn take(
        &self,
        wait: LockWait,
        holder: &str,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Lease>> {
        let ground = self.ground(&Key::trusted(LEASES))?;
        let held = lease::take(&ground, wait, holder, should_stop)?;
        *locked(&self.keeper) = Arc::downgrade(held.keeper());
        Ok(Box::new(held))
    }

    /// What every put and deletion goes through while the lease is held; `None` if it is not.
    pub(super) fn fence(&self, client: &Arc<Client>) -> Option<Fence> {
        let keeper = locked(&self.keeper).upgrade()?;
        Some(Fence::new(keeper, Arc::clone(client), self.sender.clone()))
    }

    /// Makes a pin in a directory.
    pub(super) fn pin(&self, directory: &Key, content: &[u8]) -> Result<(Key, Box<dyn Lease>)> {
        let name = new_pin_name();
        let key = directory.join(&name)?;
        let (held, store_clock) = HeldPin::make(self.ground(directory)?, name, content)?;
        if store_clock.is_some() {
            *locked(&self.clock_of_pin) = store_clock;
        }
        Ok((key, Box::new(held)))
    }

    /// Removes a pin if its holder is dead.
    pub(super) fn sweep_pin(&self, key: &Key, should_stop: &dyn Fn() -> bool) -> Result<PinState> {
        let (directory, name) = parts(key);
        let keeper = locked(&self.keeper).upgrade();
        let of_lease = keeper.map(|keeper| *keeper.store_clock());
        let store_clock = of_lease.or(*locked(&self.clock_of_pin));
        let ground = self.ground(&directory)?;
        locked(&self.watch).sweep(&ground, store_clock.as_ref(), name, should_stop)
    }

    /// The store's clock, while the lease is held.
    pub(super) fn now(&self) -> Option<SystemTime> {
        Some(locked(&self.keeper).upgrade()?.store_now())
    }
}

fn clock_of(machine: Option<&Arc<dyn Machine>>) -> Arc<dyn LeaseClock> {
    match machine {
        Some(machine) => Arc::new(ClockOf::new(Arc::clone(machine))),
        None => Arc::new(BootClock),
    }
}

/// The directory of a key, and its name there.
fn parts(key: &Key) -> (Key, &str) {
    let name = key.name();
    let directory = key.as_str().strip_suffix(name).unwrap_or_default();
    (Key::trusted(directory.trim_end_matches('/').to_owned()), name)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding")
            .field("location", &self.location)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
