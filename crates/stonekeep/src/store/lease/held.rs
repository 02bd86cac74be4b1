//! A lease, with what renews it.

use std::sync::Arc;
use std::time::Duration;

use super::keep::Keeper;
use crate::store::contract::Lease;
use crate::store::machine::Repeating;
use crate::{Error, Result};

/// Holds a lease until it is dropped.
#[derive(Debug)]
pub(crate) struct HeldLease {
    keeper: Arc<Keeper>,
    renewals: Option<Box<dyn Repeating>>,
    abandoned: bool,
}

impl HeldLease {
    /// Starts to renew it.
    ///
    /// # Errors
    /// I/O errors if no thread can be started; the lease is released then.
    pub(super) fn start(keeper: Keeper) -> Result<Self> {
        let keeper = Arc::new(keeper);
        let renewed = Arc::clone(&keeper);
        let first = keeper.ground().times.renewed_every();
        let clock = &keeper.ground().clock;
        match clock.repeat("stonekeep-lease", first, Box::new(move || renew(&renewed))) {
            Ok(renewals) => Ok(HeldLease {
                renewals: Some(renewals),
                keeper,
                abandoned: false,
            }),
            Err(error) => {
                keeper.release();
                Err(Error::io("starting the thread that renews the lease", error))
            }
        }
    }

    /// For the requests that are made under it.
    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }
}

/// Renews it once. When to do it next; `None` if it is lost.
fn renew(keeper: &Keeper) -> Option<Duration> {
    let times = keeper.ground().times;
    let Err(error) = keeper.renew() else {
        return Some(times.renewed_every());
    };
    tracing::warn!(reason = %error.one_line(), "the lease was not renewed");
    keeper.valid_for().ok().map(|_| times.tried_again_after())
}

impl Lease for HeldLease {
    fn valid_for(&self) -> Result<Duration> {
        self.keeper.valid_for()
    }

    fn took_over(&self) -> bool {
        self.keeper.took_over()
    }

    fn abandon(mut self: Box<Self>) {
        self.abandoned = true;
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        drop(self.renewals.take());
        if self.abandoned {
            self.keeper.abandon();
        } else {
            self.keeper.release();
        }
    }
}
