//! `stonekeep hold`: keeps a backup from being deleted.

use std::time::SystemTime;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use stonekeep::engine::hold::HoldOptions;

use super::{Session, host_name};
use crate::args::engine::{LockArgs, SyncArgs};
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::time::parse_time_to_come;
use crate::args::which::{Which, parse_id_or_latest};
use crate::exit::Exit;
use crate::output::hold::describe;

/// Keep a backup from being deleted, until it is released
///
/// delete, purge and backup --destroy-old-data refuse to delete it. RocksDB's engine and older versions of Stonekeep know no holds.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::HOLD)]
pub(crate) struct HoldArgs {
    /// The id of the backup, or latest, or latest~N for the N-th before it
    #[arg(value_name = "ID", value_parser = parse_id_or_latest)]
    backup: Which,
    #[command(flatten)]
    repo: RepoArgs,
    /// When the hold ends by itself: 2027-01-01, a local time, or a duration from now such as 90d
    #[arg(long, value_name = "TIME", value_parser = parse_time_to_come)]
    until: Option<Timestamp>,
    /// Why, for whoever wants to delete the backup
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
}

pub(crate) fn run(args: &HoldArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.lock.apply(args.sync.apply(session.engine_options()));
    let engine = args.repo.open_to_change(options)?;
    let watcher = session.watch()?;
    let (id, doubts) = SelectArgs::default().resolve(engine.as_read_only(), args.backup)?;
    let options = HoldOptions::default()
        .with_until(args.until.map(SystemTime::try_from).transpose()?)
        .with_reason(args.reason.clone())
        .with_host(host_name());
    let hold = engine.hold_backup(id, &options, &watcher)?;
    let done = format!("backup {id} is held {}", describe(&hold));
    let document = json!({ "hold": hold });
    session
        .output
        .outcome(&document, &doubts, &done, |page| page.line(&done))?;
    Ok(Exit::Success)
}
