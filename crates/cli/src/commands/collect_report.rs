//! Prints the reports of `delete`, `purge` and `gc`.

use stonekeep::WarningName;
use stonekeep::engine::collect::{CollectReport, DeletedFile, Total};

use super::Session;
use crate::output::command_words::translate;
use crate::output::json::word;
use crate::output::print_error::PrintError;
use crate::output::text::{Page, Style, Table};
use crate::output::units::{backup_ids, bytes, count};

pub(super) fn print(mut report: CollectReport, session: &Session) -> Result<(), PrintError> {
    translate(&mut report.warnings);
    let output = &session.output;
    let printed = output.report(!report.done, &report, &report.warnings, &done(&report), |page| {
        if report.done {
            text(page, &report);
        } else {
            plan_text(page, &report);
        }
    });
    if !output.json {
        output.aside(|page| held(page, &report));
    }
    printed
}

fn text(page: &mut Page<'_>, report: &CollectReport) {
    if !report.deleted_backups.is_empty() {
        page.line(format!("deleted {}", backup_ids(&report.deleted_backups)));
    }
    kept(page, report, "kept");
    page.line(format!(
        "removed {}, {} freed",
        count(report.deleted_files.len() as u64, "file"),
        bytes(report.freed_bytes)
    ));
    left_alone(page, report, "");
}

/// What was done, in one sentence without its end.
fn done(report: &CollectReport) -> String {
    let removed = count(report.deleted_files.len() as u64, "file");
    match report.deleted_backups.as_slice() {
        [] => format!("{removed} were removed"),
        backups => format!("{} deleted, {removed} removed", backup_ids(backups)),
    }
}

fn plan_text(page: &mut Page<'_>, report: &CollectReport) {
    let mut table = Table::new(&["would remove", ">size", "because"]);
    let mut files: Vec<&DeletedFile> = report.deleted_files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for file in files {
        let size = bytes(file.size_bytes);
        table.row(vec![
            file.path.as_str().into(),
            size.into(),
            word(file.why).into(),
        ]);
    }
    if !report.deleted_files.is_empty() {
        page.table(&table);
        page.gap();
    }
    if !report.deleted_backups.is_empty() {
        page.line(format!("would delete {}", backup_ids(&report.deleted_backups)));
    }
    kept(page, report, "would keep");
    page.line(format!(
        "would remove {} and free {}; nothing was changed",
        count(report.deleted_files.len() as u64, "file"),
        bytes(report.freed_bytes)
    ));
    left_alone(page, report, "would be ");
}

/// Which backups stay beyond the number to keep, and why.
fn kept(page: &mut Page<'_>, report: &CollectReport, verb: &str) {
    for kept in &report.kept_backups {
        page.line(format!(
            "{verb} backup {}: {} (--accept {} lets it go)",
            kept.id,
            kept.went_back,
            WarningName::SequenceWentBack
        ));
    }
}

/// What stays; `would` is "would be " in a dry run.
fn left_alone(page: &mut Page<'_>, report: &CollectReport, would: &str) {
    if report.too_young > 0 {
        let files = count(report.too_young, "file");
        page.line(format!(
            "{files} of unknown origin, newer than the minimum age, {would}left: another engine may be writing them (gc --min-age)"
        ));
    }
    if report.unfinished.files > 0 {
        let Total {
            files, bytes: size, ..
        } = report.unfinished;
        page.line(format!(
            "{}, {}, of an unfinished backup {would}kept for the next one (gc removes them)",
            count(files, "file"),
            bytes(size)
        ));
    }
    for stranger in &report.unknown_files {
        page.line(format!("no part of any backup, {would}left alone: {stranger}"));
    }
}

/// What could not be freed although nobody asked to keep it.
fn held(page: &mut Page<'_>, report: &CollectReport) {
    for held in &report.held_by_pins {
        let text = format!(
            "backup {} is being read: its {}, {}, go when that ends",
            held.backup_id,
            count(held.files, "file"),
            bytes(held.bytes)
        );
        page.marked(Style::Warning, "warning:", text);
    }
    for held in &report.retaining_backups {
        let Total {
            files, bytes: size, ..
        } = report.retained;
        let text = format!(
            "{}, {}, retained because of meta/{id}: {}; `stonekeep delete {id}` releases them",
            count(files, "shared file"),
            bytes(size),
            held.reason,
            id = held.id
        );
        page.marked(Style::Warning, "warning:", text);
    }
}
