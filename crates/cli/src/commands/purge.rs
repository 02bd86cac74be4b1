//! `stonekeep purge`: keeps the newest backups and deletes the others.

use clap::Args;
use stonekeep::engine::collect::PurgeOptions;
use stonekeep::{Error, WarningName};

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::exit::Exit;

/// Delete all but the newest valid backups, and the files that no other backup needs
///
/// Neither counts nor deletes corrupt backups. If the database was set back to an older state (warning
/// sequence-went-back), also keeps the last valid backup from before that, until a backup or a purge accepts the warning.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::PURGE)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// Number of valid backups to keep
    #[arg(long, value_name = "N")]
    keep: usize,
    /// Show what would be deleted; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Confirm --keep=0
    #[arg(long)]
    yes: bool,
    /// Accept the warning sequence-went-back: keep no extra backup for it
    #[arg(long, value_name = "NAME")]
    accept: Vec<WarningName>,
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
    let purge = PurgeOptions::keep(args.keep).with_accept(args.accept.clone());
    let report = if args.dry_run {
        engine.plan_purge(&purge, &watcher)
    } else {
        engine.purge(&purge, &watcher)
    };
    collect_report::print(report?, session)?;
    Ok(Exit::Success)
}
