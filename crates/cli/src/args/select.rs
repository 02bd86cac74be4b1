//! Selects backups by time, by tag, or by position before the newest.

use clap::Args;
use jiff::Timestamp;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::engine::info::{BackupInfo, InfoDetail, WhichBackup};
use stonekeep::format::BackupId;
use stonekeep::{Error, Result, Warning};

use super::time::parse_time;
use super::which::Which;
use crate::output::units::count;
use crate::usage_error::UsageError;

/// Which backups a command considers.
#[derive(Debug, Default, Args)]
pub(crate) struct SelectArgs {
    /// Consider only backups made before TIME: 2026-03-01T08:00:00Z, a local date or time, or an age such as 36h
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Selection")]
    before: Option<Timestamp>,
    /// Consider only backups with this tag; if repeated, with any of the tags
    #[arg(long, value_name = "WORD", help_heading = "Selection")]
    tag: Vec<String>,
}

impl SelectArgs {
    /// Whether an option restricts the backups.
    pub(crate) fn is_given(&self) -> bool {
        self.before.is_some() || !self.tag.is_empty()
    }

    /// Whether the backup is selected. One whose meta file cannot be read has neither a time nor tags.
    pub(crate) fn has(&self, backup: &BackupInfo) -> bool {
        if !self.is_given() {
            return true;
        }
        let is_older = |time: Timestamp| backup.timestamp_seconds < time.as_second();
        let is_tagged = self.tag.is_empty() || self.tag.iter().any(|tag| backup.tags.contains(tag));
        !backup.schema.is_empty() && self.before.is_none_or(is_older) && is_tagged
    }

    /// The selected backups, oldest first.
    pub(crate) fn ids(&self, engine: &BackupEngineReadOnly) -> Result<Vec<BackupId>> {
        if !self.is_given() {
            return engine.backup_ids();
        }
        let backups = engine.get_all_backup_info(InfoDetail::Head)?.backups;
        let selected = backups.iter().filter(|backup| self.has(backup));
        Ok(selected.map(|backup| backup.id).collect())
    }

    /// The backup that `which` names among the selected ones, and what the choice may have missed.
    pub(crate) fn resolve(
        &self,
        engine: &BackupEngineReadOnly,
        which: Which,
    ) -> anyhow::Result<(BackupId, Vec<Warning>)> {
        match self.which(engine, which)? {
            WhichBackup::Id(id) => Ok((id, Vec::new())),
            which => Ok(engine.resolve_with_warnings(which)?),
        }
    }

    /// The same, left to the engine where it can choose itself.
    pub(crate) fn which(&self, engine: &BackupEngineReadOnly, which: Which) -> anyhow::Result<WhichBackup> {
        let back = match which {
            Which::Id(_) | Which::LatestValid if self.is_given() => {
                let message =
                    "--before and --tag select among backups: name latest, latest~N or none with them";
                return Err(UsageError::new(message).into());
            }
            Which::Id(id) => return Ok(WhichBackup::Id(id)),
            Which::LatestValid => return Ok(WhichBackup::LatestValid),
            Which::Latest(0) if !self.is_given() => return Ok(WhichBackup::Latest),
            Which::Latest(back) => back,
        };
        let ids = self.ids(engine)?;
        let chosen = ids.len().checked_sub(back + 1).and_then(|at| ids.get(at));
        let chosen = chosen.copied().ok_or_else(|| {
            let selected = if self.is_given() { " selected" } else { "" };
            let location = engine.store().location();
            Error::not_found(match ids.len() {
                0 => format!("there is no{selected} backup in {location}"),
                there => format!(
                    "there are only {}{selected} in {location}",
                    count(there as u64, "backup")
                ),
            })
        })?;
        Ok(WhichBackup::Id(chosen))
    }
}
