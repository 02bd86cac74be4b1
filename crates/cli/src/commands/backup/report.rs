//! Prints the report of `backup`.

use serde_json::Value;
use stonekeep::engine::create::{CreateReport, FileAction};

use super::args::BackupArgs;
use crate::args::repository::RepoArgs;
use crate::commands::Session;
use crate::output::backup_info::{capture_text, prepared_text};
use crate::output::command_words::translate;
use crate::output::json::{DryRun, word};
use crate::output::print_error::PrintError;
use crate::output::text::Page;
use crate::output::units::{count, files};

/// The document of a backup beside others.
pub(super) fn document(mut report: CreateReport, dry_run: bool) -> Value {
    prepare(&mut report);
    let document = DryRun {
        dry_run,
        report: &report,
    };
    serde_json::to_value(document).unwrap_or_default()
}

fn prepare(report: &mut CreateReport) {
    translate(&mut report.warnings);
    if report.committed {
        report.files.clear();
    }
}

pub(super) fn print(
    mut report: CreateReport,
    (args, repo): (&BackupArgs, &RepoArgs),
    session: &Session,
) -> Result<(), PrintError> {
    prepare(&mut report);
    let done = format!("backup {} was made", report.backup_id);
    let output = &session.output;
    output.report(args.dry_run, &report, &report.warnings, &done, |page| {
        if args.dry_run {
            plan_text(page, &report);
        } else {
            text(page, &report, (args, repo));
        }
    })
}

fn text(page: &mut Page<'_>, report: &CreateReport, (args, repo): (&BackupArgs, &RepoArgs)) {
    page.line(format!(
        "backup {} of {} is in {}",
        report.backup_id,
        args.database.display(),
        repo.path().display()
    ));
    page.fields(&sums(report, "copied"));
}

fn plan_text(page: &mut Page<'_>, report: &CreateReport) {
    let changed = report
        .files
        .iter()
        .filter(|file| file.action != FileAction::Reuse);
    page.plan(
        ["would", ">size", "file"],
        changed.map(|file| (word(file.action), file.size_bytes, file.path.as_str())),
    );
    page.line(format!(
        "this would be backup {}; nothing was changed",
        report.backup_id
    ));
    page.fields(&sums(report, "to copy"));
}

/// The counts and sizes, without those that are zero.
fn sums(report: &CreateReport, copied: &'static str) -> Vec<(&'static str, String)> {
    let mut sums = vec![
        ("sequence number", report.sequence_number.to_string()),
        ("in all", files(report.files_total, report.bytes_total)),
        (copied, files(report.files_copied, report.bytes_copied)),
    ];
    let parts = [
        ("stored already", report.files_reused, report.bytes_reused),
        ("from a run before", report.files_resumed, report.bytes_resumed),
    ];
    for (label, number, size) in parts {
        if number > 0 {
            sums.push((label, files(number, size)));
        }
    }
    if report.files_excluded > 0 {
        sums.push(("left out", count(report.files_excluded, "file")));
    }
    if report.prepared_transactions > 0 {
        sums.push(("prepared", prepared_text(report.prepared_transactions)));
    }
    if report.files_included > 0 {
        sums.push(("included", files(report.files_included, report.bytes_included)));
    }
    if !report.healed_files.is_empty() {
        sums.push(("healed", healed(report)));
    }
    if report.live.is_some() {
        sums.push(("captured", capture_text(report.capture, report.live)));
    }
    if let Some(first) = report.surplus.first() {
        let count = report.surplus.len();
        let what = if count == 1 {
            "file or directory"
        } else {
            "files and directories"
        };
        sums.push((
            "not part of it",
            format!("{count} {what}, such as {}", first.display()),
        ));
    }
    sums
}

/// Files of older backups that were missing or wrong, and which of those backups are complete again.
fn healed(report: &CreateReport) -> String {
    let files = count(report.healed_files.len() as u64, "file");
    let ids: Vec<String> = report.healed_backups.iter().map(ToString::to_string).collect();
    match ids.as_slice() {
        [] => format!("{files} of older backups, which lack others still"),
        [id] => format!("{files}; backup {id} is complete again"),
        ids => format!("{files}; backups {} are complete again", ids.join(", ")),
    }
}
