//! `stonekeep release`: ends a hold.

use clap::Args;
use serde_json::json;
use stonekeep::format::BackupId;

use super::Session;
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;
use crate::output::hold::describe;

/// End the hold of a backup
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::RELEASE)]
pub(crate) struct ReleaseArgs {
    /// The id of the backup
    #[arg(value_name = "ID", value_parser = parse_id)]
    backup: BackupId,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &ReleaseArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let released = engine.release_backup(args.backup, &watcher)?;
    let was: Vec<String> = released.iter().map(describe).collect();
    let done = format!(
        "backup {} is released; it was held {}",
        args.backup,
        was.join(", and ")
    );
    let document = json!({ "released": released });
    session
        .output
        .outcome(&document, &[], &done, |page| page.line(&done))?;
    Ok(Exit::Success)
}
