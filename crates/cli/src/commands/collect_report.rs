//! Prints the reports of `delete`, `purge` and `gc`.

use stonekeep::WarningName;
use stonekeep::engine::collect::{CollectReport, DeletedFile, Goes, KeepRule, KeptBy};

use super::Session;
use crate::output::command_words::translate;
use crate::output::json::word;
use crate::output::print_error::PrintError;
use crate::output::text::{Page, Style, Table};
use crate::output::units::{backup_ids, bytes, count, files, local_time, until};

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
    undeletable(page, report, "stay");
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
    let mut removed: Vec<&DeletedFile> = report.deleted_files.iter().collect();
    removed.sort_by(|a, b| a.path.cmp(&b.path));
    if !removed.is_empty() {
        page.plan(
            ["would remove", ">size", "because"],
            removed
                .iter()
                .map(|file| (file.path.as_str(), file.size_bytes, word(file.why))),
        );
    }
    if !report.decisions.is_empty() {
        page.table(&decisions(report));
    }
    if !report.deleted_backups.is_empty() {
        page.line(format!("would delete {}", backup_ids(&report.deleted_backups)));
    }
    kept(page, report, "would keep");
    undeletable(page, report, "would stay");
    page.line(format!(
        "would remove {} and free {}; nothing was changed",
        count(report.deleted_files.len() as u64, "file"),
        bytes(report.freed_bytes)
    ));
    left_alone(page, report, "would be ");
}

/// Each backup with all rules that keep it, or why it goes.
fn decisions(report: &CollectReport) -> Table {
    let mut table = Table::new(&["backup", "time", "decision", "because"]);
    for decision in &report.decisions {
        let rules: Vec<String> = decision.kept_by.iter().map(ToString::to_string).collect();
        let (word, because) = match decision.goes {
            None => ("stays", rules.join(", ")),
            Some(Goes::TotalSize) => ("goes", "total size".to_owned()),
            Some(_) => ("goes", "no rule".to_owned()),
        };
        let time = decision.timestamp_seconds.map(local_time).unwrap_or_default();
        table.row(vec![
            decision.id.to_string().into(),
            time.into(),
            word.into(),
            because.into(),
        ]);
    }
    table
}

/// Which backups stay only because the database went back to an older state.
fn kept(page: &mut Page<'_>, report: &CollectReport, verb: &str) {
    for decision in &report.decisions {
        if let [
            KeptBy {
                rule: KeepRule::SequenceWentBack,
                detail,
                ..
            },
        ] = decision.kept_by.as_slice()
        {
            page.line(format!(
                "{verb} backup {}: {detail} (--accept {} lets it go)",
                decision.id,
                WarningName::SequenceWentBack
            ));
        }
    }
}

/// Which deleted backups can be undeleted, and what that costs.
fn undeletable(page: &mut Page<'_>, report: &CollectReport, stay: &str) {
    for kept in &report.kept_for_undelete {
        page.line(format!(
            "backup {}: {} {stay} until {}, for undelete",
            kept.backup_id,
            files(kept.files, kept.bytes),
            until(kept.until_seconds)
        ));
    }
}

/// What stays; `would` is "would be " in a dry run.
fn left_alone(page: &mut Page<'_>, report: &CollectReport, would: &str) {
    if report.too_young > 0 {
        let young = count(report.too_young, "file");
        page.line(format!(
            "{young} of unknown origin, newer than the minimum age, {would}left: another engine may be writing them (gc --min-age)"
        ));
    }
    if report.unfinished.files > 0 {
        page.line(format!(
            "{}, of an unfinished backup {would}kept for the next one (gc removes them)",
            files(report.unfinished.files, report.unfinished.bytes)
        ));
    }
    if report.aborted_uploads > 0 {
        let uploads = count(report.aborted_uploads, "upload");
        page.line(format!("{uploads} of killed backups {would}aborted"));
    }
    for unknown in &report.unknown_files {
        page.line(format!("no part of any backup, {would}left alone: {unknown}"));
    }
}

/// What could not be freed although it was to be deleted.
fn held(page: &mut Page<'_>, report: &CollectReport) {
    for held in &report.held_by_pins {
        let text = format!(
            "backup {} is being read: its {}, go when that ends",
            held.backup_id,
            files(held.files, held.bytes)
        );
        page.marked(Style::Warning, "warning:", text);
    }
    for held in &report.retaining_backups {
        let text = format!(
            "{}, {}, retained because of meta/{id}: {}; `stonekeep delete {id}` releases them",
            count(report.retained.files, "shared file"),
            bytes(report.retained.bytes),
            held.reason,
            id = held.id
        );
        page.marked(Style::Warning, "warning:", text);
    }
}
