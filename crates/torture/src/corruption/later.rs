//! What a damaged repository is worth to the runs that follow: nothing that is whole is lost, and new backups are right.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use stonekeep::{
    BackupEngine, BackupEngineReadOnly, BackupId, Quiet, VerifyLevel, VerifyOptions, VerifyWhat, WhichBackup,
};

use super::judge::Judge;
use crate::tree;
use crate::world::{create_options, id, options, restore, restored};

/// Backs up, collects, and restores what was whole and what is new; after a verification that remembers what it has found, or not.
pub(super) fn check(judge: &Judge<'_>, is_verified: bool) -> Result<()> {
    let engine = BackupEngine::open(options(), judge.store.clone())?;
    if is_verified {
        let verified = engine
            .as_read_only()
            .verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
        verified.context("verifying before the next backup")?;
    }
    let created = engine.create_new_backup(&judge.world.source(), &create_options()?, &Quiet);
    let made = match created {
        Ok(report) => Some(report.backup_id),
        Err(error) => {
            let text = format!("{} {:?}", error.one_line(), error.hint());
            let is_named = judge.changes.keys().any(|name| text.contains(name.as_str()));
            ensure!(
                is_named && !judge.concerned.is_empty(),
                "the next backup fails: {text}"
            );
            None
        }
    };
    engine
        .garbage_collect(Duration::ZERO, &Quiet)
        .context("collecting")?;
    let reader = BackupEngineReadOnly::open(options(), judge.store.clone())?;
    if let Some(made) = made
        && require_right(judge, &engine, made, is_verified)?
        && let Some(difference) = tree::difference(&restored(&reader, made)?, &judge.world.present)
    {
        bail!("the next backup restores to another database: {difference}");
    }
    for (backup, wanted) in &judge.world.restored {
        if judge.concerned.contains_key(backup)
            || judge.changes.contains_key(&format!("stonekeep/backups/{backup}"))
        {
            continue;
        }
        let target = tempfile::tempdir()?;
        let target = target.path().join("restored");
        let done = restore(&reader, WhichBackup::Id(id(*backup)?), &target);
        let done = done.with_context(|| format!("after a collection, backup {backup}"))?;
        if let Some(difference) = tree::difference(&tree::read(&target)?, wanted) {
            bail!(
                "after a collection, backup {backup}: {difference}; {:?}",
                done.warnings
            );
        }
    }
    check_records(judge, &engine)
}

/// A backup may share a damaged file: one that is stored is known by its name and size. A verification names it, and after that
/// backups do not share it.
fn require_right(
    judge: &Judge<'_>,
    engine: &BackupEngine,
    made: BackupId,
    is_verified: bool,
) -> Result<bool> {
    let reader = engine.as_read_only();
    let verified = reader.verify_backups(made, VerifyLevel::Checksum, &Quiet)?;
    for found in &verified.findings {
        let is_shared = found.file.starts_with("shared") && judge.changes.contains_key(&found.file);
        ensure!(is_shared && !is_verified, "the next backup is damaged: {found:?}");
    }
    Ok(verified.is_clean())
}

/// What holds a backup holds it as long as its record is there, and what was deleted for a while comes back as it was or not at all.
fn check_records(judge: &Judge<'_>, engine: &BackupEngine) -> Result<()> {
    let is_there = |start: &str| {
        let lost = judge
            .changes
            .iter()
            .any(|(name, now)| name.starts_with(start) && now.is_none());
        !lost
    };
    let held = id(crate::world::HELD)?;
    let is_concerned = judge.concerned.contains_key(&held.get());
    if is_there("stonekeep/holds/") && !is_concerned {
        let deleted = engine.delete_backup(held, &Quiet);
        ensure!(deleted.is_err(), "the held backup can be deleted");
    }
    let deleted = id(crate::world::DELETED)?;
    let is_whole = !judge
        .changes
        .keys()
        .any(|name| name.starts_with("stonekeep/deleted/"));
    match engine.undelete_backup(deleted, &Quiet) {
        Ok(_) => {
            let verified = engine
                .as_read_only()
                .verify_backups(deleted, VerifyLevel::Checksum, &Quiet)?;
            ensure!(
                verified.is_clean(),
                "the undeleted backup is {:?}",
                verified.findings
            );
            Ok(())
        }
        Err(error) if is_whole && judge.changes.is_empty() => bail!("undeleting fails: {}", error.one_line()),
        Err(error) => {
            // The record stands, and its files do.
            let record = judge
                .changes
                .keys()
                .any(|name| name.starts_with("stonekeep/deleted/5-") && !name.ends_with(".until"));
            let until = judge.changes.keys().all(|name| name.ends_with(".until"));
            let other = judge
                .changes
                .keys()
                .all(|name| !name.starts_with("stonekeep/deleted/"));
            ensure!(
                record || (until && !is_there("stonekeep/deleted/")) || other,
                "the damaged deadline has let files go: {}",
                error.one_line()
            );
            Ok(())
        }
    }
}
