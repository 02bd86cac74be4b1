//! `stonekeep purge`: keeps the newest backups and deletes the others.

use clap::Args;
use stonekeep::Error;

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::exit::Exit;

/// Keep the newest valid backups, and delete the older ones with the files that no other backup needs
///
/// Corrupt backups are neither counted nor deleted.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::PURGE)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// How many valid backups to keep
    #[arg(long, value_name = "N")]
    keep: usize,
    /// Show what would be deleted, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Keep none: needed for --keep=0
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &PurgeArgs, session: &Session) -> anyhow::Result<Exit> {
    if args.keep == 0 && !args.yes && !args.dry_run {
        let error = Error::refused("--keep=0 deletes every valid backup in the repository");
        return Err(error.with_hint("add --yes if that is meant").into());
    }
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_purge_old_backups(args.keep, &watcher)
    } else {
        engine.purge_old_backups(args.keep, &watcher)
    };
    watcher.finish();
    collect_report::print(&report?, args.dry_run, session)?;
    Ok(Exit::Success)
}
