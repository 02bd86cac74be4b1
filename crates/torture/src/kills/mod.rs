//! The real command, killed by `kill -9` before one of its system calls.
//!
//! A trial runs one verb on a repository with every kind of file, on a directory or in a bucket. strace kills the command when one of
//! its threads is about to make a certain call for a certain time; both are drawn from what an undisturbed run has called. In one
//! trial of three the next run is killed as well. Then
//! - every backup that must be there is there, and restores bit for bit; a target has its old state or its new one, or does not open;
//! - what the command has reported as done is done, also if it was killed after that;
//! - the next run of the command succeeds, and does what was asked for; an interrupted restore may also be aborted before. In a bucket it takes the
//!   lease of the dead one over;
//! - a collection leaves nothing that no backup needs.
//!
//! The seed decides about verb, options and call. Where a command has several threads, what the others have done until then is not
//! the same each time; a third of the trials has one worker only.

mod bucket;
mod calls;
mod trial;
mod words;

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};
use fastrand::Rng;
use stonekeep_testkit::syscall_trace;
use tempfile::TempDir;

use self::bucket::Bucket;
use self::calls::Calls;
use self::trial::Trial;
use self::words::{Manner, Site};
use crate::binary::{Binary, NEEDED};
use crate::budget::{Budget, Report};
use crate::case::Case;
use crate::place::{Kind, Place};
use crate::stage;
use crate::tree;
use crate::verbs::{self, Verb};
use crate::world::World;

/// A table that is read and written in several pieces.
const LARGE: usize = 1 << 20;
/// One that is sent in several parts.
const LARGE_IN_BUCKET: usize = 9 << 20;
/// So many trials at the same time: most of one is waiting for the disk, or for the lease of a dead command.
const TOGETHER: usize = 2;
const TOGETHER_IN_BUCKET: usize = 8;

/// Why there can be no trials here.
pub fn obstacle() -> Option<String> {
    if Binary::find().is_none() {
        return Some(NEEDED.to_owned());
    }
    syscall_trace::obstacle()
}

/// Runs so many trials in directories.
pub fn run(budget: Budget) -> Report {
    let made = World::make(Kind::Local, false).and_then(|mut world| {
        world.grow(LARGE)?;
        Kills::new(world, None)
    });
    run_made(made, budget, TOGETHER)
}

/// Runs so many trials in the bucket that the environment names.
pub fn run_in_bucket(budget: Budget) -> Report {
    let made = World::make(Kind::Named, false).and_then(|mut world| {
        world.grow(LARGE_IN_BUCKET)?;
        world.kind = Kind::Objects;
        Kills::new(world, Some(Bucket::of_environment()?))
    });
    run_made(made, budget, TOGETHER_IN_BUCKET)
}

fn run_made(made: Result<Kills>, budget: Budget, together: usize) -> Report {
    match made {
        Ok(kills) => budget.run_together(together, |seed, report| kills.trial(seed, report)),
        Err(error) => Report::of_failure(&error),
    }
}

/// What all trials have in common.
struct Kills {
    binary: Binary,
    world: World,
    /// Where the repositories are; in directories if nowhere else.
    bucket: Option<Bucket>,
    /// What a copy copies.
    source: TempDir,
    /// The calls of each verb in each manner, counted when they are first needed.
    calls: Vec<OnceLock<std::result::Result<Calls, String>>>,
}

impl Kills {
    fn new(world: World, bucket: Option<Bucket>) -> Result<Self> {
        let source = tempfile::tempdir()?;
        tree::write(source.path(), &world.files)?;
        let kinds = verbs::ALL.len() * Manner::ALL.len();
        Ok(Kills {
            binary: Binary::find().context(NEEDED)?,
            world,
            bucket,
            source,
            calls: (0..kinds).map(|_| OnceLock::new()).collect(),
        })
    }

    fn trial(&self, seed: u64, report: &mut Report) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        let chosen = rng.usize(0..self.calls.len());
        let verb = verbs::ALL[chosen % verbs::ALL.len()];
        let manner = Manner::ALL[chosen / verbs::ALL.len()];
        let calls = self.calls[chosen].get_or_init(|| {
            let counted = self.prepared(verb, manner).and_then(Trial::count);
            counted.map_err(|error| format!("{error:#}"))
        });
        let calls = calls.as_ref().map_err(|error| anyhow!("{error}"));
        let run = |calls| self.prepared(verb, manner)?.run(calls, &mut rng, report);
        calls
            .and_then(run)
            .with_context(|| format!("{verb:?} {manner:?}"))
    }

    fn prepared(&self, verb: Verb, manner: Manner) -> Result<Trial<'_>> {
        let (place, site) = match &self.bucket {
            Some(bucket) => bucket.place()?,
            None => in_directory()?,
        };
        let case = Case::at(place, verb, &self.world, true)?;
        stage::prepare(&case, &self.world, true)?;
        Ok(Trial {
            binary: &self.binary,
            world: &self.world,
            case,
            site,
            source: self.source.path(),
            manner,
        })
    }
}

fn in_directory() -> Result<(Place, Site)> {
    let place = Place::new(Kind::Local)?;
    let url = place.store.directory().map(Path::display);
    let site = Site {
        url: url.context("no directory")?.to_string(),
        option: None,
        wait: None,
    };
    Ok((place, site))
}
