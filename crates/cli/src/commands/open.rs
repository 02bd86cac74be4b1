//! `stonekeep open`: makes a directory in which RocksDB opens a backup read-only.

use std::path::PathBuf;

use clap::Args;

use super::Session;
use crate::args::engine::WorkArgs;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::Which;
use crate::exit::Exit;
use crate::output::command_words::translate;
use crate::output::rewritten;
use crate::output::units::{count, files};

/// Make a directory in which RocksDB can open a backup read-only, without restoring it
///
/// Copies the small files of the backup and links the shared ones, so open the directory only for reading. `stonekeep
/// close` removes it.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::OPEN)]
pub(crate) struct OpenArgs {
    /// The backup: an id, latest, latest~N (the Nth before the newest), or latest-valid (reads every byte to find it)
    #[arg(value_name = "ID")]
    backup: Which,
    #[command(flatten)]
    repo: RepoArgs,
    /// The directory to make; on another file system than the repository, all files are copied
    #[arg(long, value_name = "DIR")]
    at: PathBuf,
    /// Show what would be made; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    work: WorkArgs,
}

pub(crate) fn run(args: &OpenArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(args.work.apply(session.engine_options()))?;
    let watcher = session.watch()?;
    let which = SelectArgs::default().which(&engine, args.backup)?;
    let report = if args.dry_run {
        engine.plan_open_in_place(which, &args.at, &watcher)
    } else {
        engine.open_in_place(which, &args.at, &watcher)
    };
    let mut report = report?;
    translate(&mut report.warnings);
    let (id, at) = (report.backup_id, report.directory.display());
    let done = format!("backup {id} is at {at}");
    let output = &session.output;
    output.report(args.dry_run, &report, &report.warnings, &done, |page| {
        page.line(if args.dry_run {
            format!("backup {id} would be at {at}, for reading only; nothing was changed")
        } else {
            format!("{done}, for reading only")
        });
        let copied = files(report.files_copied, report.bytes_copied);
        page.fields(&[("linked", count(report.files_linked, "file")), ("copied", copied)]);
        let differs = if args.dry_run { "would differ" } else { "differs" };
        rewritten::lines(page, &report.rewritten_options, differs);
        if !args.dry_run {
            page.line(format!("remove it with: stonekeep close {at}"));
        }
    })?;
    Ok(Exit::Success)
}
