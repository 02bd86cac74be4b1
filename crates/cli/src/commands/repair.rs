//! `stonekeep repair`: makes damaged files of backups again.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::repair::{NotRepaired, RepairReport, RepairSource};
use stonekeep::engine::verify::VerifyWhat;
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::format::BackupId;
use stonekeep::{Error, Observer};

use super::Session;
use crate::args::engine::{LockArgs, SyncArgs, WorkArgs};
use crate::args::quantity::parse_duration;
use crate::args::repository::RepoArgs;
use crate::args::sources::SourcesArgs;
use crate::args::which::parse_id;
use crate::exit::Exit;
use crate::output::text::{Page, Style};
use crate::output::units::{backup_ids, bytes, count};

/// How long the files of dropped backups stay, unless the command line says otherwise.
const DROPPED_FOR: &str = "30d";

/// Make damaged and lost files of backups again
///
/// Looks for files with the right bytes in other backups of the repository, in directories with files of the database, and in other
/// repositories, and puts them in the place of what is damaged, which repairs every backup that has such a file. Knows of damage what
/// `verify` has found: run that first. A damaged meta file is written again from what Stonekeep recorded about the backup. Reads only
/// damaged files and those that may take their place. Lists what cannot be repaired; the exit code is then 3.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::REPAIR)]
pub(crate) struct RepairArgs {
    /// The ids of the backups [default: all]
    #[arg(value_name = "ID", value_parser = parse_id)]
    backups: Vec<BackupId>,
    #[command(flatten)]
    repo: RepoArgs,
    /// A directory with files of the database: the database itself, open or not, a checkpoint, what was restored; may be repeated
    /// [default: the database, if the command line names one of the configuration file]
    #[arg(long, value_name = "DIR")]
    database: Vec<PathBuf>,
    #[command(flatten)]
    sources: SourcesArgs,
    /// Delete the backups that cannot be repaired; `undelete` puts them back once their files are right
    #[arg(long)]
    drop_damaged: bool,
    /// Keep the files of dropped backups for so long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = DROPPED_FOR, requires = "drop_damaged")]
    undelete_for: Duration,
    /// Confirm --drop-damaged
    #[arg(long)]
    yes: bool,
    /// Show what would be repaired; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    work: WorkArgs,
}

pub(crate) fn run(args: &RepairArgs, session: &Session) -> anyhow::Result<Exit> {
    if args.drop_damaged && !args.yes && !args.dry_run {
        let error = Error::refused("--drop-damaged deletes the backups that cannot be repaired");
        return Err(error
            .with_hint("add --yes if that is meant; --dry-run shows what cannot be repaired")
            .into());
    }
    let options = args.work.apply(session.engine_options());
    let sources = sources(args, &options)?;
    let options = args.lock.apply(args.sync.apply(options));
    let engine = args.repo.open_to_change(options)?;
    let what = match &args.backups[..] {
        [] => VerifyWhat::All,
        ids => VerifyWhat::Backups(ids.to_vec()),
    };
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_repair(what, &sources, &watcher)
    } else {
        engine.repair(what, &sources, &watcher)
    };
    let report = report?;
    let dropped = drop_damaged(args, &engine, &report, &watcher);
    if dropped.is_ok() || !session.output.json {
        print(args, &report, dropped.as_deref().unwrap_or_default(), session)?;
    }
    let is_dropped = dropped?.len() == report.damaged_backups.len();
    Ok(if report.is_clean() || (args.drop_damaged && is_dropped) {
        Exit::Success
    } else {
        Exit::Corrupt
    })
}

fn sources(args: &RepairArgs, options: &BackupEngineOptions) -> anyhow::Result<Vec<RepairSource>> {
    let mut sources = Vec::new();
    for directory in &args.database {
        if !directory.is_dir() {
            let message = format!("{} is no directory", directory.display());
            return Err(Error::not_found(message)
                .with_hint("--database is a directory with files of the database")
                .into());
        }
        sources.push(RepairSource::Directory(directory.clone()));
    }
    for repository in &args.sources.all {
        sources.push(RepairSource::Repository(repository.open(options.clone())?));
    }
    Ok(sources)
}

/// Deletes the backups that are damaged still, for a while; their ids. Those that are held stay, and if there are no others, that is an error.
fn drop_damaged(
    args: &RepairArgs,
    engine: &BackupEngine,
    report: &RepairReport,
    observer: &dyn Observer,
) -> stonekeep::Result<Vec<BackupId>> {
    let damaged = &report.damaged_backups;
    if !args.drop_damaged || args.dry_run || damaged.is_empty() {
        return Ok(Vec::new());
    }
    let holds = engine.as_read_only().holds()?;
    let is_held = |id: &&BackupId| holds.iter().any(|hold| hold.backup_id == **id);
    let free: Vec<BackupId> = damaged.iter().filter(|id| !is_held(id)).copied().collect();
    let options = DeleteOptions::default().with_undelete_for(Some(args.undelete_for));
    let deleted = engine.delete_backups(if free.is_empty() { damaged } else { &free }, &options, observer)?;
    Ok(deleted.deleted_backups)
}

#[derive(serde::Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a RepairReport,
    dropped_backups: &'a [BackupId],
}

fn print(
    args: &RepairArgs,
    report: &RepairReport,
    dropped: &[BackupId],
    session: &Session,
) -> anyhow::Result<()> {
    let document = Document {
        report,
        dropped_backups: dropped,
    };
    let done = done(report, args.dry_run);
    let printed = session
        .output
        .report(args.dry_run, &document, &report.warnings, &done, |page| {
            text(page, report, &done)
        });
    if !session.output.json {
        session.output.aside(|page| {
            not_repaired(page, &report.not_repaired);
            if !dropped.is_empty() {
                let deleted = backup_ids(dropped);
                let them = if dropped.len() == 1 { "it" } else { "them" };
                page.line(format!("deleted {deleted}; undelete puts {them} back"));
                let held = report.damaged_backups.iter().filter(|id| !dropped.contains(id));
                let held: Vec<BackupId> = held.copied().collect();
                if !held.is_empty() {
                    page.line(format!("not deleted, since held: {}", backup_ids(&held)));
                }
            }
        });
    }
    Ok(printed?)
}

fn done(report: &RepairReport, is_plan: bool) -> String {
    let size: u64 = report
        .repaired
        .iter()
        .map(|file| file.size_bytes)
        .fold(0, u64::saturating_add);
    match report.repaired.len() as u64 {
        0 if report.not_repaired.is_empty() && !report.warnings.is_empty() => {
            "nothing is known to be damaged that can be repaired".to_owned()
        }
        0 if report.is_clean() => "nothing is known to be damaged; verify finds what is".to_owned(),
        0 => "nothing could be repaired".to_owned(),
        number => {
            let would = if is_plan { "can be repaired" } else { "repaired" };
            format!("{} {would}, {}", count(number, "file"), bytes(size))
        }
    }
}

fn text(page: &mut Page<'_>, report: &RepairReport, done: &str) {
    for file in &report.repaired {
        page.line(format!("{} from {}", file.path, file.from));
    }
    for path in &report.right {
        page.line(format!("{path} is right by now"));
    }
    page.line(done);
    if !report.repaired_backups.is_empty() {
        page.line(format!("whole again: {}", backup_ids(&report.repaired_backups)));
    }
}

/// What is damaged still, on standard error.
fn not_repaired(page: &mut Page<'_>, files: &[NotRepaired]) {
    for file in files {
        let line = format!("{}: {} ({})", file.path, file.reason, backup_ids(&file.backups));
        page.marked(Style::Bad, "not repaired:", line);
        for reason in &file.rejected {
            page.line(format!("  {reason}"));
        }
    }
}
