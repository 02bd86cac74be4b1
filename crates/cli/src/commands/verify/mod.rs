//! `stonekeep verify`: checks backups, or a database, for damage.

mod args;
mod contents;
mod database;

use std::collections::BTreeSet;

use serde::Serialize;
use stonekeep::engine::info::BackupState;
use stonekeep::engine::verify::{
    UncheckedCause, UncheckedFile, VerifiedBackup, VerifyLevel, VerifyOptions, VerifyReport, VerifyWhat,
};
use stonekeep::format::BackupId;

pub(crate) use self::args::VerifyArgs;
use self::contents::{looked_into, unchecked_contents};
use super::Session;
use crate::args::which::Which;
use crate::exit::Exit;
use crate::output::command_words::translate;
use crate::output::json::word;
use crate::output::text::{Page, Style};
use crate::output::units::{backup_ids, bytes, count, files, first_to_last, local_time};
use crate::usage_error::UsageError;

/// This many files that could not be read are named in text; JSON names them all.
const MAX_UNCHECKED_SHOWN: usize = 20;

/// What the report does not say.
#[derive(Serialize)]
struct VerifyJson<'a> {
    clean: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

pub(crate) fn run(args: &VerifyArgs, session: &Session) -> anyhow::Result<Exit> {
    if let Some(database) = &args.database {
        return database::run(args, database, session);
    }
    let Some(repo) = &args.repo.given else {
        let error = UsageError::new("there is nothing to verify");
        return Err(error
            .with_hint("name a repository with --repo, or a database with --database")
            .into());
    };
    if args.level == VerifyLevel::Size && (args.sample.is_some() || args.max_duration.is_some()) {
        let message = "--sample and --max-duration limit how much is read, and --level size reads no file";
        return Err(UsageError::new(message).into());
    }
    let options = args.work.apply(session.engine_options());
    let engine = repo.open(options.with_verify_rate_limit(args.verify_rate_limit))?;
    let (what, doubts) = match args.backup {
        None if !args.select.is_given() => (VerifyWhat::All, Vec::new()),
        which => {
            let which = which.unwrap_or(Which::Latest(0));
            let (id, doubts) = args.select.resolve(&engine, which)?;
            (id.into(), doubts)
        }
    };
    let watcher = session.watch()?;
    let how = VerifyOptions::default()
        .with_level(args.level)
        .with_sample(args.sample)
        .with_max_duration(args.max_duration);
    let mut report = engine.verify(what, &how, &watcher)?;
    report.warnings.extend(doubts);
    translate(&mut report.warnings);
    let output = &session.output;
    let document = VerifyJson {
        clean: report.is_clean(),
        report: &report,
    };
    let printed = output.data(&document, |page| text(page, &report, output.quiet));
    let done = match report.findings.len() {
        0 => "nothing was found wrong".to_owned(),
        found => format!("{} was found", count(found as u64, "fault")),
    };
    output.end_report(printed, &report.warnings, &done)?;
    Ok(match report.findings.is_empty() {
        false => Exit::Corrupt,
        true if report.unchecked.is_empty() => Exit::Success,
        true => Exit::Failure,
    })
}

fn text(page: &mut Page<'_>, report: &VerifyReport, quiet: bool) {
    for finding in &report.findings {
        let touched = touched(&finding.backups);
        page.marked(
            Style::Bad,
            "damaged:",
            format!("{}: {}{touched}", finding.file, finding.reason),
        );
    }
    unchecked(page, &report.unchecked);
    for backup in &report.backups {
        if let BackupState::Unsupported(reason) = &backup.state {
            page.marked(
                Style::Warning,
                "unsupported:",
                format!("backup {}: {reason}", backup.id),
            );
        }
        for file in &backup.unverifiable {
            page.marked(
                Style::Warning,
                "unverifiable:",
                format!("backup {}: {file} has no checksum to compare with", backup.id),
            );
        }
        excluded(page, backup);
    }
    if let Some(contents) = report.contents.as_ref().filter(|_| !quiet) {
        unchecked_contents(page, contents);
    }
    if !quiet || !report.is_clean() {
        verdict(page, report);
        left(page, report);
    }
}

/// The backups that something concerns, in brackets.
fn touched(backups: &[BackupId]) -> String {
    match backups {
        [] => String::new(),
        backups => format!(" ({})", backup_ids(backups)),
    }
}

/// The files that a backup was made without, unless another one of the repository stores them.
fn excluded(page: &mut Page<'_>, backup: &VerifiedBackup) {
    if backup.excluded.is_empty() {
        return;
    }
    let files = count(backup.excluded.len() as u64, "file");
    let names = first_to_last(&backup.excluded);
    page.marked(
        Style::Warning,
        "excluded:",
        format!(
            "backup {} was made without {files} that no other backup here stores, not checked: {names}",
            backup.id
        ),
    );
}

/// The files that could not be read, and what helps.
fn unchecked(page: &mut Page<'_>, files: &[UncheckedFile]) {
    for file in files.iter().take(MAX_UNCHECKED_SHOWN) {
        let touched = touched(&file.backups);
        page.marked(
            Style::Warning,
            "unchecked:",
            format!("{}: {}{touched}", file.file, file.reason),
        );
    }
    if let Some(hidden @ 1..) = files.len().checked_sub(MAX_UNCHECKED_SHOWN) {
        page.line(format!("  and {hidden} more; --json names them all"));
    }
    let has = |cause: UncheckedCause| files.iter().any(|file| file.cause == cause);
    if has(UncheckedCause::Permission) {
        page.marked(Style::Hint, "hint:", "run it as the user who owns these files");
    }
    if has(UncheckedCause::Resources) {
        let advice = "raise the limit of open files (ulimit -n) or of memory, or read fewer files at a time \
                      (--max-background-operations)";
        page.marked(Style::Hint, "hint:", advice);
    }
}

/// What a sample or a limit in time has left for another run.
fn left(page: &mut Page<'_>, report: &VerifyReport) {
    if report.files_left == 0 {
        return;
    }
    let left = files(report.files_left, report.bytes_left);
    let oldest = match (report.oldest_verified_seconds, report.never_verified_bytes) {
        (Some(seconds), _) => format!("; all files were verified since {}", local_time(seconds)),
        (None, Some(never)) => format!("; {} were never verified", bytes(never)),
        (None, None) => String::new(),
    };
    page.line(format!("left for the next run: {left}{oldest}"));
}

fn verdict(page: &mut Page<'_>, report: &VerifyReport) {
    let backups = count(report.backups.len() as u64, "backup");
    let contents = report.contents.as_ref();
    let contents = contents.map(|contents| format!("; {}", looked_into(contents)));
    let looked_at = format!(
        "{} in {} looked at by {}{}",
        bytes(report.bytes_checked),
        count(report.files_checked, "file"),
        word(report.level),
        contents.unwrap_or_default()
    );
    let unchecked = report.contents.as_ref().map(|contents| &contents.unchecked);
    let left_out = match report.files_excluded {
        0 => unchecked
            .filter(|files| !files.is_empty())
            .map(|_| "not all could be checked".to_owned()),
        excluded => Some(format!("{} not checked", count(excluded, "excluded file"))),
    };
    if let Some(left_out) = left_out.filter(|_| report.is_clean()) {
        page.marked(
            Style::Warning,
            "no damage found:",
            format!("{backups}, {looked_at}; {left_out}"),
        );
    } else if report.is_clean() {
        page.marked(Style::Good, "all right:", format!("{backups}, {looked_at}"));
    } else if report.findings.is_empty() {
        let files: BTreeSet<&str> = report.unchecked.iter().map(|file| file.file.as_str()).collect();
        let unread = count(files.len() as u64, "file");
        page.marked(
            Style::Bad,
            "not all checked:",
            format!("{unread} could not be read, no damage in the others; {backups}, {looked_at}"),
        );
    } else {
        let is_wrong =
            |state: &BackupState| matches!(state, BackupState::Corrupt(_) | BackupState::Unsupported(_));
        let wrong = report
            .backups
            .iter()
            .filter(|backup| is_wrong(&backup.state))
            .count();
        page.marked(
            Style::Bad,
            "not all right:",
            format!("{wrong} of {backups}, {looked_at}"),
        );
    }
}
