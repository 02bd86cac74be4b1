//! Damage, and whether it is found: each trial damages files of one repository, and looks at what the verbs say of it.
//!
//! A trial makes the repository anew in memory or in a directory, damages one file in one way, or none, and then checks:
//! - **verify** reads everything. It names exactly the damaged file and the backups that need it, and nothing else.
//! - **restore** of a backup that needs the file fails and names it, and of any other gives the database bit for bit. `latest-valid`
//!   gives the newest backup that is whole.
//! - A file that no backup needs changes nothing: a new backup succeeds, a collection removes no file of a backup, and all of them
//!   restore as before.
//! - **repair** writes a damaged meta file again, as it was, if the facts of its backup are whole, and changes nothing else.
//!
//! A restored database is damaged too, while a drill reads it again: the drill names the file.

mod damage;
mod drilled;
mod file_kind;
mod judge;
mod later;
mod repaired;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use fastrand::Rng;

pub use self::damage::{Changes, Damage};
use self::file_kind::kind_of;
use self::judge::Judge;
use crate::budget::{Budget, Report};
use crate::place::{Kind, Place};
use crate::world::World;

/// Makes worlds when they are first needed: a world costs as much as many trials.
#[derive(Debug, Default)]
struct Worlds(BTreeMap<(Kind, bool), World>);

impl Worlds {
    fn get(&mut self, kind: Kind, schema_two: bool) -> Result<&World> {
        Ok(match self.0.entry((kind, schema_two)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(World::make(kind, schema_two)?),
        })
    }
}

/// Runs so many trials.
pub fn run(budget: Budget) -> Report {
    let mut worlds = Worlds::default();
    budget.run(|seed, report| {
        let mut rng = Rng::with_seed(seed);
        let kind = Kind::ALL[rng.usize(0..Kind::ALL.len())];
        let world = worlds.get(kind, rng.bool())?;
        if rng.u8(0..10) == 0 {
            return drilled::trial(world, &mut rng, report);
        }
        trial(world, &mut rng, report)
    })
}

fn trial(world: &World, rng: &mut Rng, report: &mut Report) -> Result<()> {
    let name = any_file(world, rng);
    let damage = Damage::any(rng);
    let changes = damage.apply(rng, &name, &world.files, &world.stale);
    let mut files = world.files.clone();
    for (name, now) in &changes {
        match now {
            Some(bytes) => drop(files.insert(name.clone(), bytes.clone())),
            None => drop(files.remove(name)),
        }
    }
    let place = Place::with(world.kind, &files)?;
    let judge = Judge::new(world, &place.store, &changes);
    let checked = judge.check(rng, report).and_then(|is_repository| {
        let is_wanted = is_repository && (judge.concerned.is_empty() || rng.u8(0..3) == 0);
        if is_wanted {
            later::check(&judge, rng.bool()).context("later")
        } else {
            Ok(())
        }
    });
    let checked = checked.and_then(|()| repaired::check(world, &files, &changes, report));
    checked.with_context(|| format!("{damage:?} of {name} in {:?}", world.kind))?;
    let what = if changes.is_empty() {
        "undamaged controls".to_owned()
    } else {
        format!("damage to {}", kind_of(&name))
    };
    report.count(what);
    Ok(())
}

/// Any file, each kind as often as any other.
fn any_file(world: &World, rng: &mut Rng) -> String {
    let mut kinds: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for name in world.files.keys() {
        kinds.entry(kind_of(name)).or_default().push(name);
    }
    let kinds: Vec<_> = kinds.into_values().collect();
    let kind = &kinds[rng.usize(0..kinds.len())];
    kind[rng.usize(0..kind.len())].clone()
}
