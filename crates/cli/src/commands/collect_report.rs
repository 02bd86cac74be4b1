//! Prints the reports of `delete`, `purge` and `gc`.

use serde::Serialize;
use stonekeep::WarningName;
use stonekeep::engine::collect::{CollectReport, DeletedFile, GarbageKind, KeptBackup, Total};

use super::Session;
use crate::output::PrintError;
use crate::output::json::{WarningJson, warnings};
use crate::output::text::{Page, Style, Table};
use crate::output::units::{backup_ids, bytes, count};

#[derive(Serialize)]
struct CollectJson<'a> {
    dry_run: bool,
    done: bool,
    deleted_backups: Vec<u32>,
    kept_backups: Vec<KeptBackupJson>,
    deleted_files: Vec<DeletedFileJson<'a>>,
    freed_bytes: u64,
    not_removed: Vec<NotRemovedJson<'a>>,
    held_by_pins: Vec<HeldByPinJson>,
    held_back: Vec<HeldBackJson<'a>>,
    held_back_total: TotalJson,
    too_young: u64,
    unfinished: TotalJson,
    strangers: &'a [String],
    warnings: Vec<WarningJson>,
}

#[derive(Serialize)]
struct DeletedFileJson<'a> {
    path: &'a str,
    size_bytes: u64,
    why: &'static str,
}

#[derive(Serialize)]
struct NotRemovedJson<'a> {
    path: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct KeptBackupJson {
    id: u32,
    warning: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct HeldByPinJson {
    backup_id: u32,
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct TotalJson {
    files: u64,
    bytes: u64,
}

impl From<Total> for TotalJson {
    fn from(total: Total) -> Self {
        TotalJson {
            files: total.files,
            bytes: total.bytes,
        }
    }
}

#[derive(Serialize)]
struct HeldBackJson<'a> {
    id: u32,
    reason: &'a str,
}

pub(super) fn print(report: &CollectReport, dry_run: bool, session: &Session) -> Result<(), PrintError> {
    let output = &session.output;
    let printed = if dry_run {
        output.data(&json(report, true), |page| plan_text(page, report))
    } else {
        output.outcome(&json(report, false), |page| text(page, report))
    };
    if !output.json {
        output.aside(|page| held(page, report));
    }
    output.end_report(printed, &report.warnings, || done(report, dry_run))
}

fn json(report: &CollectReport, dry_run: bool) -> CollectJson<'_> {
    CollectJson {
        dry_run,
        done: report.done,
        deleted_backups: report.deleted_backups.iter().map(|id| id.get()).collect(),
        kept_backups: report.kept_backups.iter().map(kept_json).collect(),
        deleted_files: report.deleted_files.iter().map(file_json).collect(),
        freed_bytes: report.freed_bytes,
        not_removed: report
            .not_removed
            .iter()
            .map(|not_removed| NotRemovedJson {
                path: &not_removed.path,
                reason: &not_removed.reason,
            })
            .collect(),
        held_by_pins: report
            .held_by_pins
            .iter()
            .map(|held| HeldByPinJson {
                backup_id: held.backup_id.get(),
                files: held.files,
                bytes: held.bytes,
            })
            .collect(),
        held_back: report
            .retaining_backups
            .iter()
            .map(|held| HeldBackJson {
                id: held.id.get(),
                reason: &held.reason,
            })
            .collect(),
        held_back_total: report.retained.into(),
        too_young: report.too_young,
        unfinished: report.unfinished.into(),
        strangers: &report.unknown_files,
        warnings: warnings(&report.warnings),
    }
}

fn kept_json(kept: &KeptBackup) -> KeptBackupJson {
    KeptBackupJson {
        id: kept.id.get(),
        warning: WarningName::SequenceWentBack.as_str(),
        reason: kept.went_back.to_string(),
    }
}

fn file_json(file: &DeletedFile) -> DeletedFileJson<'_> {
    DeletedFileJson {
        path: &file.path,
        size_bytes: file.size_bytes,
        why: why(file.why),
    }
}

fn why(kind: GarbageKind) -> &'static str {
    match kind {
        GarbageKind::Unreferenced => "unreferenced",
        GarbageKind::LeftOver => "left_over",
        GarbageKind::UnknownOrigin => "unknown_origin",
        _ => "other",
    }
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
fn done(report: &CollectReport, dry_run: bool) -> String {
    let removed = count(report.deleted_files.len() as u64, "file");
    match (dry_run, report.deleted_backups.is_empty()) {
        (true, _) => "nothing was changed".to_owned(),
        (false, true) => format!("{removed} were removed"),
        (false, false) => format!(
            "{} deleted, {removed} removed",
            backup_ids(&report.deleted_backups)
        ),
    }
}

fn plan_text(page: &mut Page<'_>, report: &CollectReport) {
    let mut table = Table::new(&["would remove", ">size", "because"]);
    let mut files: Vec<&DeletedFile> = report.deleted_files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for file in files {
        let size = bytes(file.size_bytes);
        table.row(vec![file.path.as_str().into(), size.into(), why(file.why).into()]);
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
