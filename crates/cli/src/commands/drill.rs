//! `stonekeep drill`: restores a backup to a scratch directory, verifies what came back, and removes it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::drill::{DrillPlace, DrillReport};

use super::Session;
use crate::args::engine::{SyncArgs, WorkArgs, WriteArgs};
use crate::args::place::directory;
use crate::args::quantity::parse_rate;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::Which;
use crate::exit::Exit;
use crate::output::command_words::translate;
use crate::output::text::{Page, Style};
use crate::output::units::{bytes, count, files, seconds};

/// Restore a backup to a scratch directory, verify what came back, and remove it
///
/// Reads every restored file again from the disk, and checks that the directory is a database as far as that is possible without
/// RocksDB: CURRENT, the MANIFEST, all tables and blobs that it names, WALs, OPTIONS, and the sequence number. Ends with exit code 3 if
/// the backup is damaged, or what came back is wrong. The directory is removed also after a failure or a signal; what a drill that
/// was killed has left is removed by the next one.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::DRILL)]
pub(crate) struct DrillArgs {
    /// The backup: an id, latest, latest~N (the Nth before the newest), or latest-valid (the newest that is not damaged)
    #[arg(value_name = "ID", default_value = "latest")]
    backup: Which,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    select: SelectArgs,
    /// The directory to restore below; it needs room for the backup, and must be in no database and in no repository
    #[arg(
        long,
        env = "STONEKEEP_SCRATCH",
        hide_env_values = true,
        value_name = "DIR",
        required_unless_present = "keep"
    )]
    scratch: Option<PathBuf>,
    /// Restore to this directory, absent or empty, and keep the database there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Another repository to look for excluded files in; may be repeated
    #[arg(long, value_name = "REPO", value_parser = directory())]
    alternate_dir: Vec<PathBuf>,
    /// Limit of the restore in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    restore_rate_limit: u64,
    /// Limit in bytes per second of reading what was restored; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    verify_rate_limit: u64,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    writing: WriteArgs,
}

/// What the report does not say.
#[derive(Serialize)]
struct DrillJson<'a> {
    clean: bool,
    #[serde(flatten)]
    report: &'a DrillReport,
}

pub(crate) fn run(args: &DrillArgs, session: &Session) -> anyhow::Result<Exit> {
    let options = session
        .engine_options()
        .with_restore_rate_limit(args.restore_rate_limit)
        .with_verify_rate_limit(args.verify_rate_limit);
    let options = args.writing.apply(args.sync.apply(args.work.apply(options)));
    let engine = args.repo.open(options)?;
    let which = args.select.which(&engine, args.backup)?;
    let place = match (&args.keep, &args.scratch) {
        (Some(keep), _) => DrillPlace::Keep(keep.clone()),
        (None, scratch) => DrillPlace::Scratch(scratch.clone().unwrap_or_default()),
    };
    let how = RestoreOptions::default().with_alternate_dirs(args.alternate_dir.clone());
    let watcher = session.watch()?;
    let mut report = engine.drill(which, &place, &how, &watcher)?;
    translate(&mut report.warnings);
    let clean = report.findings.is_empty();
    let document = DrillJson {
        clean,
        report: &report,
    };
    let output = &session.output;
    let printed = if output.quiet && clean && !output.json {
        Ok(())
    } else {
        output.data(&document, |page| text(page, &report))
    };
    let done = if clean {
        format!(
            "backup {} was restored, and nothing was found wrong",
            report.backup_id
        )
    } else {
        format!("{} was found", count(report.findings.len() as u64, "fault"))
    };
    output.end_report(printed, &report.warnings, &done)?;
    Ok(if clean { Exit::Success } else { Exit::Corrupt })
}

fn text(page: &mut Page<'_>, report: &DrillReport) {
    for name in &report.removed_leftovers {
        page.line(format!("removed what a killed drill had left: {name}"));
    }
    for passed in &report.passed_over {
        page.marked(
            Style::Warning,
            "passed over:",
            format!("backup {} is damaged", passed.id),
        );
    }
    for finding in &report.findings {
        page.marked(Style::Bad, "damaged:", finding.to_string());
    }
    for file in &report.unverifiable {
        page.marked(
            Style::Warning,
            "unverifiable:",
            format!("{file} has no checksum to compare with"),
        );
    }
    let restored = format!(
        "backup {}, {}",
        report.backup_id,
        files(report.files, report.bytes)
    );
    if report.findings.is_empty() {
        page.marked(Style::Good, "restored and right:", restored);
    } else {
        page.marked(Style::Bad, "restored, and not right:", restored);
    }
    let rate = |ms, rate| format!("{}, {}/s", seconds(ms), bytes(rate));
    let mut fields = vec![
        (
            "restore",
            rate(report.restore_ms, report.restore_bytes_per_second),
        ),
        (
            "reading again",
            rate(report.verify_ms, report.verify_bytes_per_second),
        ),
    ];
    if let Some(sequence) = report.sequence_number {
        fields.push(("sequence number", sequence.to_string()));
    }
    if let Some(kept) = &report.kept {
        fields.push(("kept", kept.display().to_string()));
    }
    page.fields(&fields);
}
