//! `stonekeep open`: makes a directory in which RocksDB opens a backup read-only.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Session;
use crate::args::engine::WorkArgs;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::Which;
use crate::exit::Exit;
use crate::output::json::{WarningJson, warnings};
use crate::output::rewritten::{self, RewrittenJson};
use crate::output::units::{bytes, count};
use crate::places;

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

#[derive(Serialize)]
struct OpenJson<'a> {
    dry_run: bool,
    backup_id: u32,
    directory: PathBuf,
    files_linked: u64,
    files_copied: u64,
    bytes_copied: u64,
    rewritten_options: Vec<RewrittenJson<'a>>,
    warnings: Vec<WarningJson>,
}

pub(crate) fn run(args: &OpenArgs, session: &Session) -> anyhow::Result<Exit> {
    places::check_target(args.repo.path(), &args.at, "the directory to make")?;
    let engine = args.repo.open(args.work.apply(session.engine_options()))?;
    let watcher = session.watch()?;
    let which = SelectArgs::default().which(&engine, args.backup)?;
    let report = match args.dry_run {
        true => engine.plan_open_in_place(which, &args.at, &watcher),
        false => engine.open_in_place(which, &args.at, &watcher),
    };
    let report = report?;
    let document = OpenJson {
        dry_run: args.dry_run,
        backup_id: report.backup_id.get(),
        directory: report.directory.clone(),
        files_linked: report.files_linked,
        files_copied: report.files_copied,
        bytes_copied: report.bytes_copied,
        rewritten_options: RewrittenJson::all(&report.rewritten_options),
        warnings: warnings(&report.warnings),
    };
    let printed = session.output.outcome(&document, |page| {
        let (id, at) = (report.backup_id, report.directory.display());
        page.line(match args.dry_run {
            true => format!("backup {id} would be at {at}, for reading only; nothing was changed"),
            false => format!("backup {id} is at {at}, for reading only"),
        });
        let copied = format!(
            "{}, {}",
            count(report.files_copied, "file"),
            bytes(report.bytes_copied)
        );
        page.fields(&[("linked", count(report.files_linked, "file")), ("copied", copied)]);
        let differs = if args.dry_run { "would differ" } else { "differs" };
        rewritten::lines(page, &report.rewritten_options, differs);
        if !args.dry_run {
            page.line(format!("remove it with: stonekeep close {at}"));
        }
    });
    session
        .output
        .end_report(printed, &report.warnings, || match args.dry_run {
            true => "nothing was changed".to_owned(),
            false => format!("backup {} is at {}", report.backup_id, report.directory.display()),
        })?;
    Ok(Exit::Success)
}
