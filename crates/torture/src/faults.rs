//! Faults, and what becomes of them: one operation of a verb fails, in each way, and then everything is as promised.
//!
//! A trial runs one verb on one kind of store. The operation of one number fails: a request to the store, a read from a file in it, or a
//! change of the target. Afterwards
//! - the verb has failed with an error of the kind `Io` that names the file and the cause, or it has succeeded;
//! - every backup that must be there is there, and restores bit for bit; a target has its old state or its new one, or does not open;
//! - the next run of the verb succeeds;
//! - a collection long afterwards leaves nothing that no backup needs.
//!
//! All verbs, operations and faults together are numbered; trials from as many seeds in a row try each of them once.

use anyhow::{Context as _, Result, bail, ensure};
use stonekeep::ErrorKind;

use crate::budget::{Budget, Report};
use crate::case::Case;
use crate::disturb::{Disturbance, Disturber, FAULTS, Hit};
use crate::place::Kind;
use crate::stage::{disturbed, prepared};
use crate::verbs::{self, Verb};
use crate::world::World;

/// A verb on a kind of store, and how many operations it has.
struct Plan<'a> {
    world: &'a World,
    verb: Verb,
    operations: usize,
}

/// No divisor of the number of trials, so that seeds in a row visit all of them in no telling order.
const STRIDE: u64 = 1_000_003;

/// Runs so many trials.
pub fn run(budget: Budget) -> Report {
    let worlds: Result<Vec<World>> = Kind::ALL.iter().map(|kind| World::make(*kind, false)).collect();
    let planned = worlds.and_then(|worlds| {
        let plans = plans(&worlds)?;
        let all: usize = plans.iter().map(|plan| plan.operations * FAULTS.len()).sum();
        let mut report = budget.run(|seed, report| {
            let chosen = seed.wrapping_mul(STRIDE) % all as u64;
            let (plan, at, fault) = nth(&plans, chosen as usize).context("no such trial")?;
            trial(plan, at, fault, report).with_context(|| {
                format!(
                    "{:?} in {:?}, operation {at}, {fault:?}",
                    plan.verb, plan.world.kind
                )
            })
        });
        report
            .counts
            .insert("different trials there are".to_owned(), all as u64);
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
        let case = prepared(world, verb, false)?;
        let counting = Disturber::new(0, Disturbance::None);
        disturbed(&case, &counting).with_context(|| format!("{verb:?} undisturbed"))?;
        case.check_end()
            .with_context(|| format!("{verb:?} undisturbed"))?;
        plans.push(Plan {
            world,
            verb,
            operations: counting.operations().len(),
        });
    }
    Ok(plans)
}

fn nth<'p, 'w>(plans: &'p [Plan<'w>], mut number: usize) -> Option<(&'p Plan<'w>, usize, Disturbance)> {
    for plan in plans {
        let all = plan.operations * FAULTS.len();
        if number < all {
            return Some((plan, number / FAULTS.len() + 1, FAULTS[number % FAULTS.len()]));
        }
        number -= all;
    }
    None
}

fn trial(plan: &Plan<'_>, at: usize, fault: Disturbance, report: &mut Report) -> Result<()> {
    let case = prepared(plan.world, plan.verb, false)?;
    let disturber = Disturber::new(at, fault);
    let ended = disturbed(&case, &disturber);
    let Some(hit) = disturber.hit() else {
        ended.context("it fails without a fault")?;
        report.count("operations to which this fault cannot happen");
        return Ok(());
    };
    report.count(match &ended {
        Ok(()) => format!("{:?} succeeds in spite of a fault", plan.verb),
        Err(_) => format!("{:?} fails", plan.verb),
    });
    let on = hit.operation.clone();
    check(&case, ended, &hit).with_context(|| format!("at {on}"))
}

fn check(case: &Case<'_>, ended: stonekeep::Result<()>, hit: &Hit) -> Result<()> {
    if let Err(error) = ended {
        check_error(&error, hit)?;
    }
    case.check().context("after the fault")?;
    case.run_again()?;
    case.check_end().context("in the end")
}

/// The error is one of I/O, with the file and the cause.
fn check_error(error: &stonekeep::Error, hit: &Hit) -> Result<()> {
    let text = format!("{} {}", error.one_line(), error.hint().unwrap_or_default());
    let Some(errno) = hit.errno else {
        bail!("it fails without need: {text}");
    };
    ensure!(error.kind() == ErrorKind::Io, "it is {:?}: {text}", error.kind());
    let cause = std::io::Error::from(errno);
    let is_caused = text.contains(&cause.to_string()) || error.io_kind() == Some(cause.kind());
    ensure!(is_caused, "the cause is not told, {errno}: {text}");
    let file = hit
        .operation
        .rsplit_once(['/', ' ', ':'])
        .map_or("", |(_, file)| file);
    ensure!(text.contains(file), "the file {file} is not named: {text}");
    Ok(())
}
