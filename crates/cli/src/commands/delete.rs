//! `stonekeep delete`: deletes backups.

use clap::Args;
use stonekeep::engine::BackupEngine;
use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::format::BackupId;
use stonekeep::{Error, Result};

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs, UndeleteArgs};
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;
use crate::output::units::backup_ids;

/// Delete backups, also corrupt ones, and the files that no other backup needs
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::DELETE)]
pub(crate) struct DeleteArgs {
    /// The ids of the backups
    #[arg(value_name = "ID", value_parser = parse_id, required_unless_present_any = ["before", "tag"],
          conflicts_with_all = ["before", "tag"])]
    backups: Vec<BackupId>,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    select: SelectArgs,
    /// Show what would be deleted; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Confirm the deletion of what --before and --tag select, or of the last valid backup
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    undelete: UndeleteArgs,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &DeleteArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let ids = if args.select.is_given() {
        selected(&engine, args)?
    } else {
        args.backups.clone()
    };
    if !args.yes && !args.dry_run {
        check_that_one_is_left(&engine, &ids)?;
    }
    let how = DeleteOptions::default().with_undelete_for(args.undelete.undelete_for);
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_delete_backups(&ids, &how, &watcher)
    } else {
        engine.delete_backups(&ids, &how, &watcher)
    };
    collect_report::print(report?, session)?;
    Ok(Exit::Success)
}

/// Every selected backup; they are deleted only with `--yes`, since their ids were not typed.
fn selected(engine: &BackupEngine, args: &DeleteArgs) -> Result<Vec<BackupId>> {
    let ids = args.select.ids(engine.as_read_only())?;
    if ids.is_empty() {
        let location = engine.store().location();
        return Err(Error::not_found(format!(
            "there is no selected backup in {location}"
        )));
    }
    if args.yes || args.dry_run {
        Ok(ids)
    } else {
        Err(Error::refused(format!("this deletes {}", backup_ids(&ids)))
            .with_hint("add --yes if that is meant; --dry-run shows what would be deleted"))
    }
}

/// Refuses to delete every valid backup that there is.
fn check_that_one_is_left(engine: &BackupEngine, ids: &[BackupId]) -> Result<()> {
    let info = engine.get_all_backup_info(InfoDetail::Sizes)?;
    let is_valid = |state: &BackupState| matches!(state, BackupState::Valid);
    let valid = info.backups.iter().filter(|backup| is_valid(&backup.state));
    let (goes, stays): (Vec<_>, Vec<_>) = valid.partition(|backup| ids.contains(&backup.id));
    match goes.last() {
        Some(last) if stays.is_empty() => Err(Error::refused(format!(
            "backup {} is the last valid backup in {}",
            last.id,
            engine.store().location()
        ))
        .with_hint("add --yes if no backup is to be left")),
        _ => Ok(()),
    }
}
