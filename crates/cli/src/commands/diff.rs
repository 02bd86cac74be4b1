//! `stonekeep diff`: compares the files of two backups.

use clap::Args;
use serde::Serialize;
use stonekeep::engine::info::{BackupDiff, BackupFileInfo};
use stonekeep::format::BackupId;

use super::Session;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::{Which, parse_id_or_latest};
use crate::exit::Exit;
use crate::output::backup_info::FileJson;
use crate::output::text::{Page, Style};
use crate::output::units::{bytes, count, maybe_bytes};

/// Compare the files of two backups
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::DIFF)]
pub(crate) struct DiffArgs {
    /// One backup: an id, latest, or latest~N (the Nth before the newest)
    #[arg(value_name = "ID", value_parser = parse_id_or_latest)]
    a: Which,
    /// The other backup, likewise
    #[arg(value_name = "OTHER_ID", value_parser = parse_id_or_latest)]
    b: Which,
    #[command(flatten)]
    repo: RepoArgs,
}

#[derive(Serialize)]
struct DiffJson<'a> {
    a: SideJson<'a>,
    b: SideJson<'a>,
    both_files: u64,
    both_bytes: u64,
}

#[derive(Serialize)]
struct SideJson<'a> {
    id: u32,
    sequence_number: u64,
    bytes_alone: u64,
    files_alone: Vec<FileJson<'a>>,
}

pub(crate) fn run(args: &DiffArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(session.engine_options())?;
    let all = SelectArgs::default();
    let (a, b) = (all.resolve(&engine, args.a)?, all.resolve(&engine, args.b)?);
    let diff = engine.diff(a, b)?;
    let document = DiffJson {
        a: SideJson {
            id: a.get(),
            sequence_number: diff.sequence_numbers.0.0,
            bytes_alone: diff.bytes_only_a,
            files_alone: FileJson::all(&diff.only_a),
        },
        b: SideJson {
            id: b.get(),
            sequence_number: diff.sequence_numbers.1.0,
            bytes_alone: diff.bytes_only_b,
            files_alone: FileJson::all(&diff.only_b),
        },
        both_files: diff.both_files,
        both_bytes: diff.both_bytes,
    };
    session.output.data(&document, |page| text(page, (a, b), &diff))?;
    Ok(Exit::Success)
}

fn text(page: &mut Page<'_>, (a, b): (BackupId, BackupId), diff: &BackupDiff) {
    let mut side = |mark: &str, style: Style, files: &[BackupFileInfo]| {
        for file in files {
            page.marked(
                style,
                mark,
                format!("{} ({})", file.path, maybe_bytes(file.size_bytes)),
            );
        }
    };
    side("-", Style::Bad, &diff.only_a);
    side("+", Style::Good, &diff.only_b);
    let sum =
        |files: &[BackupFileInfo], size| format!("{}, {}", count(files.len() as u64, "file"), bytes(size));
    let both = format!("{}, {}", count(diff.both_files, "file"), bytes(diff.both_bytes));
    page.line(format!("in both: {both}"));
    page.line(format!(
        "only in {a} (sequence number {}): {}",
        diff.sequence_numbers.0,
        sum(&diff.only_a, diff.bytes_only_a)
    ));
    page.line(format!(
        "only in {b} (sequence number {}): {}",
        diff.sequence_numbers.1,
        sum(&diff.only_b, diff.bytes_only_b)
    ));
}
