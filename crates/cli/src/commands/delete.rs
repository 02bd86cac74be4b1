//! `stonekeep delete`: deletes backups by id.

use clap::Args;
use stonekeep::engine::BackupEngine;
use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::format::BackupId;
use stonekeep::{Error, Result};

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;

/// Delete backups, corrupt ones too, and the files that no other backup needs
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The backups' ids
    #[arg(value_name = "ID", required = true, value_parser = parse_id)]
    backups: Vec<BackupId>,
    #[command(flatten)]
    repo: RepoArgs,
    /// Show what would be deleted, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete the last valid backup too
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &DeleteArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    if !args.yes && !args.dry_run {
        check_that_one_is_left(&engine, &args.backups)?;
    }
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_delete_backups(&args.backups, &watcher)
    } else {
        engine.delete_backups(&args.backups, &watcher)
    };
    watcher.finish();
    collect_report::print(&report?, args.dry_run, session)?;
    Ok(Exit::Success)
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
