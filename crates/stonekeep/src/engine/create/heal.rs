//! What a backup has healed: stored files of older backups that were missing or wrong.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::context::Context;
use super::namers::Namers;
use super::plan::Plan;
use super::report::CreateReport;
use crate::engine::verify::VerifyLevel;
use crate::repo::verified;
use crate::{Quiet, Result};

/// Adds to the report of a committed backup which files it has healed, and which older backups are complete again.
pub(super) fn report(context: &Context<'_>, plan: &Plan<'_>, report: &mut CreateReport) {
    let healed = plan.files.iter().filter(|file| file.decision.heals);
    let healed: BTreeSet<&RepoPath> = healed.filter_map(|file| file.ready()?.path).collect();
    if healed.is_empty() {
        return;
    }
    report.healed_files = healed.iter().map(ToString::to_string).collect();
    note_replaced(context, &report.healed_files);
    match complete_again(context, &healed, report.backup_id) {
        Ok(complete) => report.healed_backups = complete,
        // The backup exists all the same.
        Err(error) => tracing::warn!(reason = %error.one_line(), "healed backups could not be looked at"),
    }
}

/// What a verification found of these files is past. If that cannot be recorded, they count as damaged until the next one.
fn note_replaced(context: &Context<'_>, files: &[String]) {
    let engine = context.engine;
    let noted = verified::replaced(engine.store(), engine.clock.now(), files, engine.durability());
    if let Err(error) = noted {
        tracing::warn!(reason = %error.one_line(), "that files were replaced could not be recorded");
    }
}

/// The older backups that name one of these files, and whose files all exist with their sizes.
fn complete_again(
    context: &Context<'_>,
    healed: &BTreeSet<&RepoPath>,
    new: BackupId,
) -> Result<Vec<BackupId>> {
    let mut ids = BTreeSet::new();
    for path in healed {
        ids.extend(Namers::read(context.store(), path)?.ids());
    }
    ids.remove(&new);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<BackupId> = ids.into_iter().collect();
    let report = context
        .engine
        .verify_backups(ids.as_slice(), VerifyLevel::Size, &Quiet)?;
    let damaged = report
        .findings
        .iter()
        .flat_map(|finding| finding.backups.iter().copied());
    let damaged: BTreeSet<BackupId> = damaged.collect();
    Ok(ids.into_iter().filter(|id| !damaged.contains(id)).collect())
}
