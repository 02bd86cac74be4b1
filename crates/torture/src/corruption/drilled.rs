//! Damage to a restored database, while a drill reads it again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::engine::drill::DrillPlace;
use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep::store::{Interceptor, Operation, Refusal};
use stonekeep::{Quiet, WhichBackup};

use super::damage::{Changes, Damage};
use crate::budget::Report;
use crate::place::Place;
use crate::tree::{self, Tree};
use crate::world::{World, id, options};

/// Damages the database when the restore has ended, and the meta file is read once more.
#[derive(Debug)]
struct Meddler {
    target: PathBuf,
    before: Tree,
    changes: Changes,
    /// How that ended, once it is done.
    meddled: OnceLock<Result<()>>,
}

impl Interceptor for Meddler {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        let is_restored =
            self.target.join("CURRENT").exists() && !self.target.join(".stonekeep-restore").exists();
        if is_restored && matches!(operation, Operation::Open(_)) {
            self.meddled.get_or_init(|| meddle(&self.target, &self.changes));
        }
        Ok(())
    }
}

impl Meddler {
    /// Whether a file that the backup restores is damaged, so that it must be found.
    fn must_be_found(&self) -> Vec<&str> {
        let needed = |name: &&String| {
            self.before.contains_key(*name) && !["LOCK", "IDENTITY"].contains(&name.as_str())
        };
        self.changes.keys().filter(needed).map(String::as_str).collect()
    }
}

fn meddle(target: &Path, changes: &Changes) -> Result<()> {
    for (name, now) in changes {
        match now {
            Some(bytes) => fs::write(target.join(name), bytes)?,
            None => fs::remove_file(target.join(name))?,
        }
    }
    Ok(())
}

/// Restores a backup of an undamaged repository, and damages what was restored.
pub(super) fn trial(world: &World, rng: &mut Rng, report: &mut Report) -> Result<()> {
    let place = Place::with(world.kind, &world.files)?;
    let backups: Vec<u32> = world.restored.keys().copied().collect();
    let backup = backups[rng.usize(0..backups.len())];
    let before = &world.restored[&backup];
    // What nobody reads is no part of the database.
    let database: Tree = before
        .clone()
        .into_iter()
        .filter(|(name, _)| name != "LOCK")
        .collect();
    let names: Vec<&String> = database.keys().collect();
    let name = names[rng.usize(0..names.len())];
    let damage = Damage::any(rng);
    let stale = &world.restored[&backups[rng.usize(0..backups.len())]];
    let changes = damage.apply(rng, name, &database, stale);
    let directory = tempfile::tempdir()?;
    let meddler = Arc::new(Meddler {
        target: directory.path().join("restored"),
        before: before.clone(),
        changes,
        meddled: OnceLock::new(),
    });
    let checked = drill(&place, backup, &meddler, report).and_then(|()| heal(&place, backup, &meddler));
    checked.with_context(|| {
        format!(
            "{damage:?} of {name}, restored from backup {backup} in {:?}",
            world.kind
        )
    })
}

fn drill(place: &Place, backup: u32, meddler: &Arc<Meddler>, report: &mut Report) -> Result<()> {
    let store = place.store.intercepted_by(Arc::clone(meddler) as _);
    let reader = BackupEngineReadOnly::open(options(), store)?;
    let keep = DrillPlace::Keep(meddler.target.clone());
    let which = WhichBackup::Id(id(backup)?);
    let drilled = reader.drill(which, &keep, &RestoreOptions::default(), &Quiet)?;
    match meddler.meddled.get() {
        Some(Ok(())) => {}
        Some(Err(error)) => bail!("the damage could not be done: {error:#}"),
        None => bail!("the damage was not done"),
    }
    let wanted = meddler.must_be_found();
    for name in &wanted {
        let is_named = drilled.findings.iter().any(|found| found.file.ends_with(name));
        ensure!(is_named, "the drill does not name {name}: {:?}", drilled.findings);
    }
    for found in &drilled.findings {
        let is_named = meddler
            .changes
            .keys()
            .any(|name| found.file.ends_with(name.as_str()));
        // What follows from it: the last sequence number, and the MANIFEST that a damaged CURRENT names.
        let root = meddler.target.to_string_lossy();
        let follows = !wanted.is_empty() && (found.file == root || found.reason.contains("CURRENT"));
        let is_real = is_named || follows;
        ensure!(is_real, "the drill raises a false alarm: {found}");
    }
    report.count(if wanted.is_empty() {
        "drills of what is whole"
    } else {
        "drills of damaged databases"
    });
    Ok(())
}

/// A restore over the damaged database that keeps what is right makes it whole.
fn heal(place: &Place, backup: u32, meddler: &Arc<Meddler>) -> Result<()> {
    let reader = BackupEngineReadOnly::open(options(), place.store.clone())?;
    let keep = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    let which = WhichBackup::Id(id(backup)?);
    reader
        .restore_db_from_backup(which, &meddler.target, &keep, &Quiet)
        .context("restoring over it")?;
    let mut found = tree::read(&meddler.target)?;
    // What is no part of a database stays where it is.
    found.retain(|name, _| meddler.before.contains_key(name) || !meddler.changes.contains_key(name));
    match tree::difference(&found, &meddler.before) {
        None => Ok(()),
        Some(difference) => anyhow::bail!("restored over it: {difference}"),
    }
}
