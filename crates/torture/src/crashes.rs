//! Crashes, and what they leave: a verb is cut at one operation, and the run that repairs that is cut, too.
//!
//! A trial runs one verb on one kind of store, and kills it before one of its changes: a request to the store, half of a file, a
//! change of the target. In memory the power fails as well, in one trial of four each:
//! - not at all: what was written stays;
//! - what was not made durable is gone;
//! - all names are there, and content that was not made durable is not;
//! - each name and each content that is not durable is there or not, as chance has it, and content is cut off or zeros.
//!
//! In one trial of three the next run is cut as well, before any of its changes, and the power fails once more. Then
//! - every backup that must be there is there, and restores bit for bit; a target has its old state or its new one, or does not open;
//! - what the verb has reported as done is done;
//! - the next run succeeds, and does what was asked for; an interrupted restore may also be aborted before;
//! - a collection long afterwards leaves nothing that no backup needs.

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use crate::budget::{Budget, Report};
use crate::case::Case;
use crate::disturb::Disturber;
use crate::place::{Kind, Power};
use crate::stage::{disturbed, prepared};
use crate::verbs::{self, Verb};
use crate::world::World;

/// A verb on a kind of store, and how many changes it makes.
struct Plan<'a> {
    world: &'a World,
    verb: Verb,
    changes: usize,
}

/// No divisor of the number of cuts, so that seeds in a row visit all of them in no telling order.
const STRIDE: u64 = 1_000_003;

/// Runs so many trials.
pub fn run(budget: Budget) -> Report {
    run_in(
        Kind::ALL.iter().map(|kind| World::make(*kind, false)).collect(),
        budget,
    )
}

/// Runs so many trials in an object store, where the next run has to take the lease over.
pub fn run_takeovers(budget: Budget) -> Report {
    let world = World::make(Kind::Named, false).map(|mut world| {
        world.kind = Kind::Objects;
        world
    });
    run_in(world.map(|world| vec![world]), budget)
}

fn run_in(worlds: Result<Vec<World>>, budget: Budget) -> Report {
    let planned = worlds.and_then(|worlds| {
        let plans = plans(&worlds)?;
        let all: usize = plans.iter().map(|plan| plan.changes).sum();
        let mut report = budget.run(|seed, report| {
            let chosen = seed.wrapping_mul(STRIDE) % all as u64;
            let (plan, at) = nth(&plans, chosen as usize).context("no such trial")?;
            trial(plan, at, &mut Rng::with_seed(seed), report)
                .with_context(|| format!("{:?} in {:?}", plan.verb, plan.world.kind))
        });
        report
            .counts
            .insert("different first cuts there are".to_owned(), all as u64);
        Ok(report)
    });
    planned.unwrap_or_else(|error| Report {
        failures: vec![format!("an undisturbed run: {error:#}")],
        ..Report::default()
    })
}

fn plans(worlds: &[World]) -> Result<Vec<Plan<'_>>> {
    let mut plans = Vec::new();
    for (world, verb) in worlds
        .iter()
        .flat_map(|world| verbs::ALL.map(|verb| (world, verb)))
    {
        let case = prepared(world, verb, true)?;
        let counting = Disturber::killing(0);
        disturbed(&case, &counting).with_context(|| format!("{verb:?} undisturbed"))?;
        case.require_done()?;
        plans.push(Plan {
            world,
            verb,
            changes: counting.operations().len(),
        });
    }
    Ok(plans)
}

fn nth<'p, 'w>(plans: &'p [Plan<'w>], mut number: usize) -> Option<(&'p Plan<'w>, usize)> {
    for plan in plans {
        if number < plan.changes {
            return Some((plan, number + 1));
        }
        number -= plan.changes;
    }
    None
}

fn trial(plan: &Plan<'_>, at: usize, rng: &mut Rng, report: &mut Report) -> Result<()> {
    let mut case = prepared(plan.world, plan.verb, true)?;
    let cuts = if rng.u8(0..3) == 0 { 2 } else { 1 };
    let mut what = String::new();
    for cut in 0..cuts {
        let at = if cut == 0 { at } else { rng.usize(1..=plan.changes) };
        let power = Power::any(plan.world.kind, rng);
        let killed = Disturber::killing(at);
        let ended = disturbed(&case, &killed);
        let before = killed.hit().map_or("its end".to_owned(), |hit| hit.operation);
        what = format!("{what}cut before {before} ({at}), power {power:?}; ");
        case.place.cut(power);
        case.place.reopen()?;
        let checked = || {
            if ended.is_ok() {
                case.require_done().context("it was reported as done")?;
            }
            case.check()
        };
        checked().with_context(|| what.clone())?;
        report.count(format!("power {}", power.name()));
    }
    report.count(format!("{:?} cut {cuts} times", plan.verb));
    finish(&case, rng).context(what)
}

fn finish(case: &Case<'_>, rng: &mut Rng) -> Result<()> {
    if case.verb == Verb::Restore && rng.bool() {
        case.abort()?;
        case.check().context("aborted")?;
    }
    case.run_again()?;
    case.require_done()?;
    case.check_end().context("in the end")?;
    ensure!(!case.place.files()?.is_empty(), "nothing is there");
    Ok(())
}
