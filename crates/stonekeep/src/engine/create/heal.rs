//! What a backup has healed: stored files of older backups that were missing or wrong.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use super::context::Context;
use super::known::Known;
use super::namers::Namers;
use super::report::{CreateReport, FileAction};
use crate::engine::verify::VerifyLevel;
use crate::{Quiet, Result};

/// Says in the report of a backup that exists which files it has healed, and which older backups are whole again.
pub(super) fn tell(context: &Context<'_>, known: &Known<'_>, report: &mut CreateReport) {
    if known.healed().is_empty() {
        return;
    }
    let stored = report
        .files
        .iter()
        .filter(|file| file.action != FileAction::Exclude);
    let stored: BTreeSet<&str> = stored.map(|file| file.path.as_str()).collect();
    let healed = known.healed().iter();
    let healed: Vec<_> = healed
        .filter(|path| stored.contains(&*path.to_string()))
        .collect();
    let whole = (|| -> Result<Vec<BackupId>> {
        let mut ids = BTreeSet::new();
        for path in &healed {
            ids.extend(Namers::read(known.store, path)?.ids());
        }
        ids.remove(&report.backup_id);
        let ids: Vec<BackupId> = ids.into_iter().collect();
        whole(context, &ids)
    })();
    report.healed_files = healed.iter().map(ToString::to_string).collect();
    match whole {
        Ok(whole) => report.healed_backups = whole,
        // The backup exists all the same.
        Err(error) => tracing::warn!(reason = %error.one_line(), "healed backups could not be looked at"),
    }
}

/// Those whose files are all there with their sizes.
fn whole(context: &Context<'_>, ids: &[BackupId]) -> Result<Vec<BackupId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let report = context.engine.verify_backups(ids, VerifyLevel::Size, &Quiet)?;
    let damaged: BTreeSet<BackupId> = report
        .findings
        .iter()
        .flat_map(|finding| finding.backups.iter().copied())
        .collect();
    let whole = ids.iter().filter(|id| !damaged.contains(id));
    Ok(whole.copied().collect())
}
