//! The protocol of the lease, played through with clocks that only tests move.

mod beside_others;
mod holding;
#[cfg(shuttle)]
mod interleaved;
mod pins;
mod racing;
mod same_machine;
mod taking;
mod without_threads;

use std::sync::Arc;
use std::time::Duration;

use super::keep::Keeper;
use super::simulation::{Host, World};
use super::take::take;
use crate::store::LockWait;
use crate::{ErrorKind, Result};

const MINUTE: Duration = Duration::from_secs(60);

fn never() -> bool {
    false
}

/// Takes it without the thread that renews it.
fn taken(host: &Host, wait: LockWait, holder: &str) -> Result<Keeper> {
    take(&host.ground(), wait, holder, &never)
}

/// Renews a lease once a minute of true time, for so many minutes.
fn renewed_for(keeper: &Arc<Keeper>, world: &World, minutes: u32) {
    for minute in 1..=minutes {
        let keeper = Arc::clone(keeper);
        world.after(MINUTE * minute, move || keeper.renew().unwrap());
    }
}

#[track_caller]
fn assert_lost(keeper: &Keeper) {
    assert_eq!(keeper.valid_for().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(keeper.renew().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(keeper.doing_deletions().unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(
        keeper.may_be_accepted_for().unwrap_err().kind(),
        ErrorKind::Locked
    );
    assert_eq!(keeper.look().unwrap_err().kind(), ErrorKind::Locked);
}
