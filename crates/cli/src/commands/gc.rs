//! `stonekeep gc`: removes files that no backup needs.

use std::time::Duration;

use clap::Args;

use super::{Session, collect_report};
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::quantity::parse_duration;
use crate::args::repository::RepoArgs;
use crate::exit::Exit;

/// Remove files that no backup needs, such as those of interrupted runs
///
/// Keeps and reports unknown files: those with names that no engine uses.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::GC)]
pub(crate) struct GcArgs {
    #[command(flatten)]
    repo: RepoArgs,
    /// Keep files of unknown origin that are newer than this: another engine may be writing them [default: 1h; 24h in an
    /// object store]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    min_age: Option<Duration>,
    /// Show what would be removed; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &GcArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let min_age = args.min_age.unwrap_or_else(|| engine.default_min_age());
    let report = if args.dry_run {
        engine.plan_garbage_collect(min_age, &watcher)
    } else {
        engine.garbage_collect(min_age, &watcher)
    };
    collect_report::print(report?, session)?;
    Ok(Exit::Success)
}
