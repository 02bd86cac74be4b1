//! What `restore` says when it is done.

use std::path::Path;

use serde::Serialize;
use stonekeep::engine::info::PassedOver;
use stonekeep::engine::restore::{RestoreAction, RestoreReport, RestoredFile};
use stonekeep::{Warning, WarningName};

use super::args::RestoreArgs;
use crate::commands::Session;
use crate::output::PrintError;
use crate::output::json::{FindingJson, WarningJson, findings, warnings};
use crate::output::rewritten::{self, RewrittenJson};
use crate::output::text::{Page, Table};
use crate::output::units::{bytes, count};

#[derive(Serialize)]
struct RestoreJson<'a> {
    dry_run: bool,
    restored: bool,
    backup_id: u32,
    files_written: u64,
    bytes_written: u64,
    files_kept: u64,
    bytes_kept: u64,
    files_moved_away: u64,
    resumed: bool,
    wal_files_kept: &'a [String],
    unverifiable: &'a [String],
    passed_over: Vec<PassedOverJson>,
    left_alone: &'a [String],
    rewritten_options: Vec<RewrittenJson<'a>>,
    target_sequence_number: Option<u64>,
    backup_sequence_number: Option<u64>,
    kept_old: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileJson<'a>>>,
    warnings: Vec<WarningJson>,
}

#[derive(Serialize)]
struct PassedOverJson {
    id: u32,
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    name: &'a str,
    size_bytes: u64,
    action: &'static str,
}

pub(super) fn print(report: &RestoreReport, args: &RestoreArgs, session: &Session) -> Result<(), PrintError> {
    let output = &session.output;
    let printed = if args.dry_run {
        output.data(&json(report, true), |page| plan_text(page, report, args))
    } else {
        output.outcome(&json(report, false), |page| text(page, report, args))
    };
    let mut warnings = passed_over(report);
    warnings.extend(report.warnings.iter().cloned());
    output.end_report(printed, &warnings, || match args.dry_run {
        true => "nothing was changed".to_owned(),
        false => format!("backup {} is restored to {}", report.backup_id, args.to.display()),
    })
}

fn json(report: &RestoreReport, dry_run: bool) -> RestoreJson<'_> {
    let passed_over = report.passed_over.iter().map(|passed| PassedOverJson {
        id: passed.id.get(),
        findings: findings(&passed.findings),
    });
    RestoreJson {
        dry_run,
        restored: report.restored,
        backup_id: report.backup_id.get(),
        files_written: report.files_written,
        bytes_written: report.bytes_written,
        files_kept: report.files_kept,
        bytes_kept: report.bytes_kept,
        files_moved_away: report.files_moved_away,
        resumed: report.resumed,
        wal_files_kept: &report.wal_files_kept,
        unverifiable: &report.unverifiable,
        passed_over: passed_over.collect(),
        left_alone: &report.left_alone,
        rewritten_options: RewrittenJson::all(&report.rewritten_options),
        target_sequence_number: report.target_sequence_number.map(|number| number.0),
        backup_sequence_number: report.backup_sequence_number.map(|number| number.0),
        kept_old: report.kept_old.as_deref(),
        files: dry_run.then(|| report.files.iter().map(file_json).collect()),
        warnings: warnings(&report.warnings),
    }
}

fn file_json(file: &RestoredFile) -> FileJson<'_> {
    FileJson {
        name: &file.name,
        size_bytes: file.size_bytes,
        action: action_name(file.action),
    }
}

fn action_name(action: RestoreAction) -> &'static str {
    match action {
        RestoreAction::Write => "write",
        RestoreAction::Keep => "keep",
        _ => "other",
    }
}

/// Why newer backups were not taken.
fn passed_over(report: &RestoreReport) -> Vec<Warning> {
    let warning = |passed: &PassedOver| {
        let reasons: Vec<String> = passed.findings.iter().map(ToString::to_string).collect();
        let message = format!("passed over because it is damaged: {}", reasons.join("; "));
        Warning::about(WarningName::PassedOver, format!("backup {}", passed.id), message)
    };
    report.passed_over.iter().map(warning).collect()
}

fn text(page: &mut Page<'_>, report: &RestoreReport, args: &RestoreArgs) {
    page.line(format!(
        "backup {} is restored to {}",
        report.backup_id,
        args.to.display()
    ));
    page.fields(&sums(report, "written"));
    if report.resumed {
        page.line("an interrupted restore was taken up again");
    }
    rewritten::lines(page, &report.rewritten_options, "differs");
    notes(page, report);
}

fn plan_text(page: &mut Page<'_>, report: &RestoreReport, args: &RestoreArgs) {
    let mut table = Table::new(&["would", ">size", "file"]);
    for file in &report.files {
        let size = bytes(file.size_bytes);
        table.row(vec![
            action_name(file.action).into(),
            size.into(),
            file.name.as_str().into(),
        ]);
    }
    page.table(&table);
    page.gap();
    page.line(format!(
        "backup {} would be restored to {}; nothing was changed",
        report.backup_id,
        args.to.display()
    ));
    page.fields(&sums(report, "to write"));
    rewritten::lines(page, &report.rewritten_options, "would differ");
    notes(page, report);
}

/// The figures, without those that are nothing.
fn sums(report: &RestoreReport, written: &'static str) -> Vec<(&'static str, String)> {
    let sum = |files, size| format!("{}, {}", count(files, "file"), bytes(size));
    let mut sums = vec![(written, sum(report.files_written, report.bytes_written))];
    if report.files_kept > 0 {
        sums.push(("kept", sum(report.files_kept, report.bytes_kept)));
    }
    if report.files_moved_away > 0 {
        let replaced = count(report.files_moved_away, "file");
        sums.push(match &report.kept_old {
            Some(kept) => ("replaced", format!("{replaced}, kept in {}", kept.display())),
            None => ("replaced", replaced),
        });
    }
    if let Some((target, backup)) = report.target_sequence_number.zip(report.backup_sequence_number) {
        sums.push((
            "sequence number",
            format!("{backup}, of the database there {target}"),
        ));
    }
    sums
}

fn notes(page: &mut Page<'_>, report: &RestoreReport) {
    let would = if report.restored { "" } else { "would be " };
    let lists = [
        (
            format!("{would}kept in place of the backup's"),
            &report.wal_files_kept,
        ),
        ("has no checksum to compare with".to_owned(), &report.unverifiable),
        (
            format!("no part of a database, {would}left alone"),
            &report.left_alone,
        ),
    ];
    for (what, names) in lists {
        let mut names: Vec<&String> = names.iter().collect();
        names.sort();
        for name in names {
            page.line(format!("{what}: {name}"));
        }
    }
}
