//! `stonekeep undelete`: puts a deleted backup back.

use clap::Args;
use stonekeep::format::BackupId;

use super::Session;
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;
use crate::output::units::files;

/// Put a backup back that was deleted with --undelete-for
///
/// Reads every file of it first: the backup comes back only if all of them are there and right. `list --deleted` shows which
/// backups can be undeleted.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::UNDELETE)]
pub(crate) struct UndeleteArgs {
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

pub(crate) fn run(args: &UndeleteArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let report = engine.undelete_backup(args.backup, &watcher)?;
    let done = format!(
        "backup {} is there again, {} read",
        args.backup,
        files(report.files_checked, report.bytes_checked)
    );
    session
        .output
        .outcome(&report, &[], &done, |page| page.line(&done))?;
    Ok(Exit::Success)
}
