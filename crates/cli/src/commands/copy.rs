//! `stonekeep copy`: copies backups to another repository.

use std::path::PathBuf;

use clap::Args;
use stonekeep::Warning;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::engine::copy::{CopiedBackup, CopyOptions, CopyReport, CopyState, CopyWhat};
use stonekeep::format::BackupId;

use super::Session;
use crate::args::engine::{LockArgs, SyncArgs, WorkArgs};
use crate::args::place::place;
use crate::args::quantity::parse_rate;
use crate::args::repository::{RepoArgs, parse_setting};
use crate::args::select::SelectArgs;
use crate::args::which::{Which, parse_id_or_latest};
use crate::exit::Exit;
use crate::output::command_words::{in_command_words, translate};
use crate::output::text::{Page, Style};
use crate::output::units::{backup_ids, count, files};

/// Copy backups to another repository
///
/// Copies only what the other repository does not have, and verifies each file on the way. Backups keep their ids. Skips backups
/// that were in the other repository once and were deleted there. Reports backups that are damaged, and those whose id another
/// backup has there, and copies the others; the exit code is then 3 or 1. Interrupted, the same command resumes it.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::COPY)]
pub(crate) struct CopyArgs {
    /// The backups: ids, latest, or latest~N (the Nth before the newest) [default: all]
    #[arg(value_name = "ID", value_parser = parse_id_or_latest, conflicts_with = "all")]
    backups: Vec<Which>,
    /// Copy all backups, which is the default
    #[arg(long)]
    all: bool,
    /// The repository that has the backups: a directory, or the URL of one in an object store
    #[arg(long, value_name = "REPO", value_parser = place())]
    from: PathBuf,
    /// The repository to copy them to; it is created if it does not exist
    #[arg(long, value_name = "REPO", value_parser = place())]
    to: PathBuf,
    /// Give each backup the next free id there, instead of keeping its id
    #[arg(long)]
    new_ids: bool,
    /// Copy although the other repository holds backups of another database
    #[arg(long)]
    allow_other_database: bool,
    /// Show what would be copied; change nothing
    #[arg(long)]
    dry_run: bool,
    /// As --store-option of other commands, for the repository that has the backups
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    from_store_option: Vec<(String, String)>,
    /// The same for the repository to copy to
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    to_store_option: Vec<(String, String)>,
    #[command(flatten)]
    lock: LockArgs,
    /// Limit in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    backup_rate_limit: u64,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    work: WorkArgs,
}

pub(crate) fn run(args: CopyArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = args.work.apply(session.engine_options());
    let from = RepoArgs::at(args.from, args.from_store_option).open(options.clone())?;
    let options = args.lock.apply(args.sync.apply(options));
    let options = options.with_backup_rate_limit(args.backup_rate_limit);
    let to = RepoArgs::at(args.to, args.to_store_option);
    let to = to.open_or_create(to.store(&options)?, options)?;
    let (what, doubts) = chosen(&from, &args.backups)?;
    let how = CopyOptions::default()
        .with_new_ids(args.new_ids)
        .with_allow_other_database(args.allow_other_database);
    let watcher = session.watch()?;
    let report = if args.dry_run {
        to.plan_copy_backups_from(&from, what, &how, &watcher)
    } else {
        to.copy_backups_from(&from, what, &how, &watcher)
    };
    let mut report = report?;
    report.warnings.extend(doubts);
    translate(&mut report.warnings);
    for backup in &mut report.backups {
        backup.hint = backup.hint.as_deref().map(in_command_words);
    }
    let printed = session
        .output
        .report(args.dry_run, &report, &report.warnings, &done(&report), |page| {
            text(page, &report);
        });
    if !session.output.json {
        session.output.aside(|page| not_copied(page, &report));
    }
    printed?;
    Ok(exit(&report))
}

fn chosen(from: &BackupEngineReadOnly, backups: &[Which]) -> anyhow::Result<(CopyWhat, Vec<Warning>)> {
    if backups.is_empty() {
        return Ok((CopyWhat::All, Vec::new()));
    }
    let (all, mut ids, mut doubts) = (SelectArgs::default(), Vec::new(), Vec::new());
    for which in backups {
        let (id, doubt) = all.resolve(from, *which)?;
        ids.push(id);
        doubts.extend(doubt);
    }
    Ok((ids.into(), doubts))
}

fn exit(report: &CopyReport) -> Exit {
    let has = |state| report.in_state(state).next().is_some();
    if has(CopyState::Damaged) {
        Exit::Corrupt
    } else if has(CopyState::Refused) {
        Exit::Failure
    } else {
        Exit::Success
    }
}

fn ids(report: &CopyReport, state: CopyState) -> Vec<BackupId> {
    report.in_state(state).map(|backup| backup.id).collect()
}

/// What was done, in one sentence without its end.
fn done(report: &CopyReport) -> String {
    match ids(report, CopyState::Copied).as_slice() {
        [] => "no backup was copied".to_owned(),
        ids => format!("{} copied", backup_ids(ids)),
    }
}

fn text(page: &mut Page<'_>, report: &CopyReport) {
    let (copied, there) = (
        ids(report, CopyState::Copied),
        ids(report, CopyState::AlreadyThere),
    );
    let verb = if report.done { "copied" } else { "would copy" };
    match copied.as_slice() {
        [] => page.line(format!("{verb} no backup of {} to {}", report.from, report.to)),
        ids => page.line(format!(
            "{verb} {} of {} to {}",
            backup_ids(ids),
            report.from,
            report.to
        )),
    }
    for backup in report.in_state(CopyState::Copied) {
        if let Some(new_id) = backup.new_id.filter(|new_id| *new_id != backup.id) {
            page.line(format!("  backup {} as {new_id}", backup.id));
        }
    }
    if !there.is_empty() {
        page.line(format!("already there: {}", backup_ids(&there)));
    }
    page.fields(&sums(report));
    if !report.done {
        page.line("nothing was changed");
    }
}

/// The counts and sizes, without those that are zero.
fn sums(report: &CopyReport) -> Vec<(&'static str, String)> {
    let sums = &report.files;
    let copied = if report.done { "copied" } else { "to copy" };
    let parts = [
        (copied, sums.files_copied, sums.bytes_copied),
        ("stored already", sums.files_reused, sums.bytes_reused),
        ("from a run before", sums.files_resumed, sums.bytes_resumed),
    ];
    let parts = parts.into_iter().filter(|(_, number, _)| *number > 0);
    let mut sums: Vec<_> = parts
        .map(|(label, number, size)| (label, files(number, size)))
        .collect();
    if report.files.files_excluded > 0 {
        sums.push(("excluded", count(report.files.files_excluded, "file")));
    }
    sums
}

/// Backups that are not copied, and why.
fn not_copied(page: &mut Page<'_>, report: &CopyReport) {
    for (state, style, mark) in [
        (CopyState::Purged, Style::Warning, "skipped:"),
        (CopyState::Refused, Style::Bad, "not copied:"),
        (CopyState::Damaged, Style::Bad, "damaged:"),
    ] {
        for backup in report.in_state(state) {
            reason(page, backup, (style, mark));
        }
    }
    let mut hints: Vec<&str> = report
        .backups
        .iter()
        .filter_map(|backup| backup.hint.as_deref())
        .collect();
    hints.dedup();
    for hint in hints {
        page.marked(Style::Hint, "hint:", hint);
    }
}

fn reason(page: &mut Page<'_>, backup: &CopiedBackup, (style, mark): (Style, &str)) {
    let id = backup.id;
    match backup.findings.as_slice() {
        [] => {
            let reason = backup.reason.as_deref().unwrap_or_default();
            page.marked(style, mark, format!("backup {id}: {reason}"));
        }
        findings => {
            for finding in findings {
                page.marked(
                    style,
                    mark,
                    format!("backup {id}: {}: {}", finding.file, finding.reason),
                );
            }
        }
    }
}
