//! `stonekeep purge`: keeps the backups that a rule keeps and deletes the others.

use clap::{ArgGroup, Args};
use stonekeep::Error;

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs, UndeleteArgs};
use crate::args::repository::RepoArgs;
use crate::args::retention::RetentionArgs;
use crate::exit::Exit;

/// Delete the valid backups that no rule keeps, and the files that no other backup needs
///
/// Each rule is applied by itself, and a backup stays that any of them keeps. N may be a number, or a period such as 30d or 1y6mo
/// before the newest backup; days begin as in the local time zone. The newest valid backup always stays. Neither counts nor
/// deletes corrupt backups. If the database was set back to an older state (warning sequence-went-back), also keeps the
/// last valid backup from before that, until a backup or a purge accepts the warning.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::PURGE, override_usage = "stonekeep purge [OPTIONS] --repo <REPO> <RULES>", group = ArgGroup::new("rules").required(true).multiple(true))]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// Show what would be deleted, and which rules keep each backup; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Confirm --keep-last=0
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    undelete: UndeleteArgs,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &PurgeArgs, session: &Session) -> anyhow::Result<Exit> {
    let purge = args.retention.options();
    let purge = purge.with_undelete_for(args.undelete.undelete_for);
    if purge.keeps_none() && !args.yes && !args.dry_run {
        let error = Error::refused("--keep-last=0 deletes every valid backup in the repository");
        return Err(error.with_hint("add --yes if that is meant").into());
    }
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_purge(&purge, &watcher)
    } else {
        engine.purge(&purge, &watcher)
    };
    collect_report::print(report?, session)?;
    Ok(Exit::Success)
}
