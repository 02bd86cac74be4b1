//! `stonekeep close`: removes a directory that `open` made.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stonekeep::engine::in_place::{close_in_place, plan_close_in_place};

use super::Session;
use crate::exit::Exit;
use crate::output::units::count;

/// Remove a directory that `stonekeep open` made, and nothing else
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::CLOSE)]
pub(crate) struct CloseArgs {
    /// The directory that was given to `open --at`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Show what would be removed; change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &CloseArgs, session: &Session) -> anyhow::Result<Exit> {
    // It takes little time: signals are deferred until it is done.
    session.interrupt.install()?;
    let files = if args.dry_run {
        plan_close_in_place(&args.directory)?.len() as u64
    } else {
        close_in_place(&args.directory).map(|()| 0)?
    };
    let document = json!({ "directory": args.directory, "closed": !args.dry_run });
    let directory = args.directory.display();
    let done = format!("{directory} is removed");
    session
        .output
        .report(args.dry_run, &document, &[], &done, |page| {
            page.line(if args.dry_run {
                format!(
                    "{directory} would be removed with its {}; nothing was changed",
                    count(files, "file")
                )
            } else {
                done.clone()
            });
        })?;
    Ok(Exit::Success)
}
