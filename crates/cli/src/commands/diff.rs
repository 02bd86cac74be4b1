//! `stonekeep diff`: compares the files of two backups.

use clap::Args;
use stonekeep::engine::info::BackupDiff;

use super::Session;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::{Which, parse_id_or_latest};
use crate::exit::Exit;
use crate::output::text::{Page, Style};
use crate::output::units::{files, maybe_bytes};

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

pub(crate) fn run(args: &DiffArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(session.engine_options())?;
    let all = SelectArgs::default();
    let [(a, doubts_a), (b, doubts_b)] = [all.resolve(&engine, args.a)?, all.resolve(&engine, args.b)?];
    let diff = engine.diff(a, b)?;
    session.output.data(&diff, |page| text(page, &diff))?;
    session.output.warnings(&[doubts_a, doubts_b].concat());
    Ok(Exit::Success)
}

fn text(page: &mut Page<'_>, diff: &BackupDiff) {
    for (mark, style, side) in [("-", Style::Bad, &diff.a), ("+", Style::Good, &diff.b)] {
        for file in &side.files_alone {
            page.marked(
                style,
                mark,
                format!("{} ({})", file.path, maybe_bytes(file.size_bytes)),
            );
        }
    }
    page.line(format!("in both: {}", files(diff.both_files, diff.both_bytes)));
    for side in [&diff.a, &diff.b] {
        page.line(format!(
            "only in {} (sequence number {}): {}",
            side.id,
            side.sequence_number,
            files(side.files_alone.len() as u64, side.bytes_alone)
        ));
    }
}
