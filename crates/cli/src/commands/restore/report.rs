//! Prints the report of `restore`.

use stonekeep::engine::info::PassedOver;
use stonekeep::engine::restore::{LostFile, PointReport, RestoreReport};
use stonekeep::{Warning, WarningName};

use super::args::RestoreArgs;
use crate::commands::Session;
use crate::output::command_words::translate;
use crate::output::json::word;
use crate::output::print_error::PrintError;
use crate::output::rewritten;
use crate::output::text::Page;
use crate::output::units::{bytes, count, files, utc_time};

pub(super) fn print(
    mut report: RestoreReport,
    args: &RestoreArgs,
    session: &Session,
) -> Result<(), PrintError> {
    translate(&mut report.warnings);
    if report.restored {
        report.files.clear();
    }
    let mut warnings = passed_over(&report);
    warnings.extend(report.warnings.iter().cloned());
    let done = format!("{} is restored to {}", what(&report), args.to.display());
    let output = &session.output;
    output.report(args.dry_run, &report, &warnings, &done, |page| {
        if args.dry_run {
            plan_text(page, &report, args);
        } else {
            text(page, &report, args);
        }
    })
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
    page.line(format!("{} is restored to {}", what(report), args.to.display()));
    page.fields(&sums(report, "written"));
    report.point.iter().for_each(|point| point_lines(page, point));
    if report.resumed {
        page.line("an interrupted restore was taken up again");
    }
    rewritten::lines(page, &report.rewritten_options, "differs");
    notes(page, report);
}

fn plan_text(page: &mut Page<'_>, report: &RestoreReport, args: &RestoreArgs) {
    page.plan(
        ["would", ">size", "file"],
        report
            .files
            .iter()
            .map(|file| (word(file.action), file.size_bytes, file.name.as_str())),
    );
    page.line(format!(
        "{} would be restored to {}; nothing was changed",
        what(report),
        args.to.display()
    ));
    page.fields(&sums(report, "to write"));
    report.point.iter().for_each(|point| point_lines(page, point));
    rewritten::lines(page, &report.rewritten_options, "would differ");
    notes(page, report);
}

/// What is restored.
fn what(report: &RestoreReport) -> String {
    let id = report.backup_id;
    match &report.point {
        Some(point) => format!("sequence number {} behind base {id}", point.sequence_number),
        None => format!("backup {id}"),
    }
}

/// What is known of the point, and what RocksDB has to do for it.
fn point_lines(page: &mut Page<'_>, point: &PointReport) {
    let time = |milliseconds: Option<i64>| milliseconds.and_then(|ms| utc_time(ms.div_euclid(1000)));
    if let Some(measured) = time(point.measured_ms) {
        let since = match time(point.measured_before_ms) {
            Some(before) => format!(", the one before at {before}"),
            None => String::new(),
        };
        page.line(format!(
            "all of it was written before {measured}, when its segment was measured{since}"
        ));
    }
    if point.sequence_number_highest > point.sequence_number {
        page.line(format!(
            "the last sequence number is between {} and {}",
            point.sequence_number, point.sequence_number_highest
        ));
    }
    page.line(format!(
        "RocksDB replays {} of WALs beyond those of the base when the database is opened",
        bytes(point.wal_bytes)
    ));
    match point.prepared_transactions {
        Some(0) | None => {}
        Some(prepared) => page.line(format!(
            "{} not committed: whoever opens the database has to decide on them",
            count(prepared, "prepared transaction")
        )),
    }
}

/// The counts and sizes, without those that are zero.
fn sums(report: &RestoreReport, written: &'static str) -> Vec<(&'static str, String)> {
    let mut sums = vec![(written, files(report.files_written, report.bytes_written))];
    if report.files_kept > 0 {
        sums.push(("kept", files(report.files_kept, report.bytes_kept)));
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
    for file in report.salvage.iter().flat_map(|salvage| &salvage.lost) {
        page.line(format!("{would}left out: {}", lost(file)));
    }
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

/// A file that is missing from the restored database, with what is known of its keys.
fn lost(file: &LostFile) -> String {
    let family = file
        .column_family
        .as_ref()
        .map(|name| format!("column family {name}"));
    let level = file.level.map(|level| format!("level {level}"));
    let keys = file.from_key.as_ref().zip(file.to_key.as_ref());
    let keys = keys.map(|(from, to)| format!("keys {from} to {to}"));
    let parts: Vec<String> = family.into_iter().chain(level).chain(keys).collect();
    let about = if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    };
    format!("{}{about}: {}", file.name, file.reason)
}
