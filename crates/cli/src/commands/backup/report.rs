//! What `backup` says when it is done.

use std::path::PathBuf;

use serde::Serialize;
use stonekeep::engine::create::{CreateReport, FileAction, PlannedFile};

use super::args::BackupArgs;
use crate::commands::Session;
use crate::output::PrintError;
use crate::output::backup_info::{LiveJson, capture_text, prepared_text};
use crate::output::json::{WarningJson, warnings};
use crate::output::text::{Page, Table};
use crate::output::units::{bytes, count};

#[derive(Serialize)]
struct BackupJson<'a> {
    dry_run: bool,
    committed: bool,
    backup_id: u32,
    sequence_number: u64,
    prepared_transactions: u64,
    capture: String,
    live: Option<LiveJson>,
    files_total: u64,
    bytes_total: u64,
    files_copied: u64,
    bytes_copied: u64,
    files_reused: u64,
    bytes_reused: u64,
    files_resumed: u64,
    bytes_resumed: u64,
    files_excluded: u64,
    files_included: u64,
    bytes_included: u64,
    tables_opened: u64,
    surplus: Vec<String>,
    unknown: Vec<String>,
    healed_files: &'a [String],
    healed_backups: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileJson<'a>>>,
    warnings: Vec<WarningJson>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: &'a str,
    size_bytes: u64,
    action: &'static str,
}

pub(super) fn print(report: &CreateReport, args: &BackupArgs, session: &Session) -> Result<(), PrintError> {
    let output = &session.output;
    let printed = if args.dry_run {
        output.data(&json(report, true), |page| plan_text(page, report))
    } else {
        output.outcome(&json(report, false), |page| text(page, report, args))
    };
    output.end_report(printed, &report.warnings, || match args.dry_run {
        true => "nothing was changed".to_owned(),
        false => format!("backup {} was made", report.backup_id),
    })
}

fn json(report: &CreateReport, dry_run: bool) -> BackupJson<'_> {
    BackupJson {
        dry_run,
        committed: report.committed,
        backup_id: report.backup_id.get(),
        sequence_number: report.sequence_number.0,
        prepared_transactions: report.prepared_transactions,
        capture: report.capture.to_string(),
        live: report.live.map(LiveJson::from),
        files_total: report.files_total,
        bytes_total: report.bytes_total,
        files_copied: report.files_copied,
        bytes_copied: report.bytes_copied,
        files_reused: report.files_reused,
        bytes_reused: report.bytes_reused,
        files_resumed: report.files_resumed,
        bytes_resumed: report.bytes_resumed,
        files_excluded: report.files_excluded,
        files_included: report.files_included,
        bytes_included: report.bytes_included,
        tables_opened: report.tables_opened,
        surplus: texts(&report.surplus),
        unknown: texts(&report.unknown),
        healed_files: &report.healed_files,
        healed_backups: report.healed_backups.iter().map(|id| id.get()).collect(),
        files: dry_run.then(|| report.files.iter().map(file_json).collect()),
        warnings: warnings(&report.warnings),
    }
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

fn file_json(file: &PlannedFile) -> FileJson<'_> {
    FileJson {
        path: &file.path,
        size_bytes: file.size_bytes,
        action: action_name(file.action),
    }
}

fn action_name(action: FileAction) -> &'static str {
    match action {
        FileAction::Copy => "copy",
        FileAction::Reuse => "reuse",
        FileAction::Resume => "resume",
        FileAction::Exclude => "exclude",
        FileAction::Include => "include",
        _ => "other",
    }
}

fn text(page: &mut Page<'_>, report: &CreateReport, args: &BackupArgs) {
    page.line(format!(
        "backup {} of {} is in {}",
        report.backup_id,
        args.database.display(),
        args.repo.path().display()
    ));
    page.fields(&sums(report, "copied"));
}

fn plan_text(page: &mut Page<'_>, report: &CreateReport) {
    let mut table = Table::new(&["would", ">size", "file"]);
    for file in report
        .files
        .iter()
        .filter(|file| file.action != FileAction::Reuse)
    {
        let size = bytes(file.size_bytes);
        table.row(vec![
            action_name(file.action).into(),
            size.into(),
            file.path.as_str().into(),
        ]);
    }
    page.table(&table);
    page.gap();
    page.line(format!(
        "this would be backup {}; nothing was changed",
        report.backup_id
    ));
    page.fields(&sums(report, "to copy"));
}

/// The figures, without those that are nothing.
fn sums(report: &CreateReport, copied: &'static str) -> Vec<(&'static str, String)> {
    let sum = |files, size| format!("{}, {}", count(files, "file"), bytes(size));
    let mut sums = vec![
        ("sequence number", report.sequence_number.to_string()),
        ("in all", sum(report.files_total, report.bytes_total)),
        (copied, sum(report.files_copied, report.bytes_copied)),
    ];
    let parts = [
        ("stored already", report.files_reused, report.bytes_reused),
        ("from a run before", report.files_resumed, report.bytes_resumed),
    ];
    for (label, files, size) in parts {
        if files > 0 {
            sums.push((label, sum(files, size)));
        }
    }
    if report.files_excluded > 0 {
        sums.push(("left out", count(report.files_excluded, "file")));
    }
    if report.prepared_transactions > 0 {
        sums.push(("prepared", prepared_text(report.prepared_transactions)));
    }
    if report.files_included > 0 {
        sums.push(("included", sum(report.files_included, report.bytes_included)));
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

/// Files of older backups that were missing or wrong, and which of those backups are whole again.
fn healed(report: &CreateReport) -> String {
    let files = count(report.healed_files.len() as u64, "file");
    let ids: Vec<String> = report.healed_backups.iter().map(ToString::to_string).collect();
    match ids.as_slice() {
        [] => format!("{files} of older backups, which lack others still"),
        [id] => format!("{files}; backup {id} is whole again"),
        ids => format!("{files}; backups {} are whole again", ids.join(", ")),
    }
}
