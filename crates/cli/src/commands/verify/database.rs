//! `stonekeep verify --database`: checks a database that no process has open.

use std::num::NonZeroUsize;
use std::path::Path;

use stonekeep::engine::verify::{DatabaseReport, VerifyDatabaseOptions, verify_database};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{Error, ErrorKind};

use super::args::VerifyArgs;
use super::contents::{looked_into, unchecked_contents};
use crate::commands::Session;
use crate::exit::Exit;
use crate::output::text::{Page, Style};
use crate::output::units::{bytes, count};

/// Verifies a database at rest.
pub(super) fn run(args: &VerifyArgs, database: &Path, session: &Session) -> anyhow::Result<Exit> {
    let options = args.work.apply(session.engine_options());
    let workers = options.max_background_operations.map_or(2, NonZeroUsize::get);
    let how = VerifyDatabaseOptions::default()
        .with_workers(workers)
        .with_rate_limit(args.verify_rate_limit);
    let source = Directory::new(database, SourceKind::Closed)
        .of_other_processes()
        .with_wal_dir(args.wal_dir.clone())
        .with_db_paths(args.db_path.clone());
    let watcher = session.watch()?;
    let report = verify_database(&source, &how, &watcher).map_err(advise_if_open)?;
    let output = &session.output;
    let printed = output.data(&report, |page| text(page, &report, output.quiet));
    let done = match report.findings.len() {
        0 => "nothing was found wrong".to_owned(),
        found => format!("{} was found", count(found as u64, "fault")),
    };
    output.end_report(printed, &report.warnings, &done)?;
    Ok(if report.is_clean() {
        Exit::Success
    } else {
        Exit::Corrupt
    })
}

fn text(page: &mut Page<'_>, report: &DatabaseReport, quiet: bool) {
    for finding in &report.findings {
        page.marked(
            Style::Bad,
            "damaged:",
            format!("{}: {}", finding.file, finding.reason),
        );
    }
    if quiet {
        return;
    }
    unchecked_contents(page, &report.contents);
    let looked_at = format!(
        "{}, {} in {}; {}",
        report.database,
        bytes(report.bytes_checked),
        count(report.files_checked, "file"),
        looked_into(&report.contents),
    );
    match (report.is_clean(), report.contents.unchecked.is_empty()) {
        (true, true) => page.marked(Style::Good, "all right:", looked_at),
        (true, false) => page.marked(
            Style::Warning,
            "no damage found:",
            format!("{looked_at}; not all could be checked"),
        ),
        (false, _) => page.marked(Style::Bad, "not all right:", looked_at),
    }
}

/// The library's advice is for a backup, which can be made of an open database.
fn advise_if_open(error: Error) -> Error {
    let hint = error.hint().unwrap_or_default();
    if error.kind() != ErrorKind::Refused || !hint.contains("--source") {
        return error;
    }
    error.with_hint(
        "stop that process, or let it make a checkpoint and verify that, or back the database up and verify the backup \
         (verify --level deep)",
    )
}
