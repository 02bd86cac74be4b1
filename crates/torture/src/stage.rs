//! Prepares a verb, and runs it with one operation disturbed.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use stonekeep::engine::restore::TargetDisk;

use crate::case::Case;
use crate::disturb::Disturber;
use crate::verbs::Verb;
use crate::world::World;

/// So many changes after a restore has replaced CURRENT, it is interrupted for an abort.
const AFTER_CURRENT: usize = 4;

/// A verb that is ready to run. What an abort takes back was interrupted in the middle of its renames.
///
/// # Errors
/// If it cannot be prepared.
pub fn prepared(world: &World, verb: Verb, sync: bool) -> Result<Case<'_>> {
    let case = Case::new(verb, world, sync)?;
    prepare(&case, world, sync)?;
    Ok(case)
}

/// Interrupts the restore that an abort takes back.
///
/// # Errors
/// If it was not interrupted.
pub fn prepare(case: &Case<'_>, world: &World, sync: bool) -> Result<()> {
    if case.verb == Verb::Abort {
        let counting = Disturber::killing(0);
        let other = Case::new(Verb::Restore, world, sync)?;
        disturbed(&other, &counting)?;
        let names = counting.operations();
        let is_current = |name: &String| name.starts_with("replace ") && name.ends_with("/CURRENT");
        let replaced = names
            .iter()
            .filter(|name| !name.contains("stonekeep/"))
            .position(is_current);
        let at = replaced.context("a restore that replaces no CURRENT")? + AFTER_CURRENT;
        case.interrupt(&disk(&Disturber::killing(at)))?;
    }
    Ok(())
}

fn disk(disturber: &Disturber) -> TargetDisk {
    TargetDisk::new(NonZeroUsize::MIN.saturating_add(1 << 16))
        .with_sync(false)
        .with_hook(Arc::new(disturber.clone()))
}

/// Runs a verb on a store and a target that are disturbed.
///
/// # Errors
/// Those of the verb.
pub fn disturbed(case: &Case<'_>, disturber: &Disturber) -> stonekeep::Result<()> {
    let store = case.place.store.intercepted_by(Arc::new(disturber.clone()));
    case.run(&store, &disk(disturber))
}
