//! One writer at a time, where a place has no locks: the lease.
//!
//! A lease is an object below `stonekeep/leases/` with a random name. It says who holds it, and a counter in it is raised every
//! tenth of its period (60 s of 10 minutes). The times in this page are those of a period of 10 minutes.
//!
//! # Protocol
//! - L1 A writer puts an own lease, *then* lists. Nobody else there: it holds. Of two that put at the same time each sees
//!   the other, since a listing shows what was put before it. The time that the store shows for the own, fresh object
//!   tells the store's clock.
//! - L2 Others there: it removes its own lease and waits, with pauses that differ from those of others who wait, or fails. Leases
//!   of the dead are removed; then it begins again at L1, with another name.
//! - L3 Dead is whose lease is older than a period by the store's clock *and* unchanged while this process watched for a
//!   whole period by its own clock. One that seems dead is watched to the end also by a caller that does not wait.
//!   On the same machine a locked file proves a death at once (`same_host.rs`), except that the lease of one that was
//!   deleting stays until none of its requests can be accepted any more, and a minute longer.
//! - L4 The holder counts its lease as valid for half a period from just before the last acknowledged renewal was sent, by a
//!   clock that goes on in sleep. After that it is lost for good: it is not renewed, and nothing is changed. So a
//!   holder knows of its loss before anybody can take its lease, except while it is stopped.
//! - L5 A request that changes what readers see is fenced against that: the store itself refuses it after a time that is before
//!   the earliest take-over ([`Keeper::may_be_accepted_for`]). It is signed, then the leases are listed, then it is sent.
//!   The own lease gone: lost. Another one there: wait until it is gone or dead, and sign anew.
//! - L6 Before the first deletion the lease says `deleting`.
//! - L7 To release it, wait for a renewal under way and until unanswered requests cannot be accepted any more, then remove the
//!   object. A lease that cannot be removed runs out. A holder that is asked to stop does not wait: it leaves its lease as one that
//!   is killed does.
//!
//! # What a crash or a pause leaves
//! | at | is left | then |
//! |---|---|---|
//! | L1, before the put | a locked file, unlocked by the death | nobody looks at it |
//! | L1, after the put; L2, before the removal | a lease that nobody renews | taken after L3; nobody did anything under it |
//! | between renewals | the same; requests under way are accepted for at most two minutes | as L3 |
//! | while it deletes | the same, and it says so | on the same machine minutes later, elsewhere after L3 |
//! | L5, stopped between look and sending | a request that is sent later | the store refuses it, since others take the lease only later |
//! | L7, before the removal | a lease that nobody renews | as L3 |
//! | the taker, before it removes a dead lease | the dead lease | the next one takes it |
//! | the taker, after it | no lease | L1 |

mod clock;
mod held;
mod keep;
mod objects;
mod others;
mod pin;
mod record;
mod same_host;
#[cfg(test)]
mod simulation;
mod take;
#[cfg(test)]
mod tests;
mod times;

pub(crate) use self::clock::{BootClock, ClockOf, LeaseClock, StoreClock};
pub(crate) use self::held::HeldLease;
pub(crate) use self::keep::Keeper;
pub(crate) use self::objects::{Found, LeaseObjects, Listed, Overwritten, Version};
pub(crate) use self::others::Ground;
pub(crate) use self::pin::{HeldPin, PinWatch};
pub(crate) use self::same_host::directories;
pub(crate) use self::times::Times;
use super::LockWait;
use crate::Result;

/// Takes the lease of a place, and renews it until it is dropped. While waiting, `should_stop` is asked.
///
/// # Errors
/// `Locked` by another one, `Stopped`, and those of the place.
pub(crate) fn take(
    ground: &Ground,
    wait: LockWait,
    holder: &str,
    should_stop: &dyn Fn() -> bool,
) -> Result<HeldLease> {
    HeldLease::start(take::take(ground, wait, holder, should_stop)?)
}
