//! `stonekeep list`: the backups of a repository.

use clap::Args;
use serde_json::json;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::engine::info::{BackupInfo, BackupState, InfoDetail, RepositoryInfo};

use super::Session;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::exit::Exit;
use crate::output::backup_info::{if_read, state_cell, verified_text};
use crate::output::command_words::translate;
use crate::output::text::{Page, Style, Table};
use crate::output::units::{count, local_time, maybe_bytes, until};

/// List the backups of a repository
///
/// Checks that every file exists with the right size; `verify` checks contents. Lists corrupt backups with the reason;
/// the exit code is 0 for them too.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::LIST)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    select: SelectArgs,
    /// List the deleted backups that can be undeleted instead
    #[arg(long, conflicts_with_all = ["before", "tag"])]
    deleted: bool,
}

pub(crate) fn run(args: &ListArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(session.engine_options())?;
    if args.deleted {
        return deleted(&engine, session);
    }
    let mut info = engine.get_all_backup_info(InfoDetail::Sizes)?;
    info.backups.retain(|backup| args.select.has(backup));
    translate(&mut info.warnings);
    for backup in &mut info.backups {
        translate(&mut backup.capture_warnings);
    }
    session.output.data(&info, |page| text(page, &info, args))?;
    session.output.warnings(&info.warnings);
    Ok(Exit::Success)
}

/// Lists what `undelete` can put back.
fn deleted(engine: &BackupEngineReadOnly, session: &Session) -> anyhow::Result<Exit> {
    let (deleted, location) = (engine.deleted_backups()?, engine.store().location());
    let document = json!({ "repository": location, "deleted_backups": deleted });
    session.output.data(&document, |page| {
        if deleted.is_empty() {
            page.line(format!("{location} has no deleted backups that can be undeleted"));
            return;
        }
        let mut table = Table::new(&["id", "time", ">sequence", ">files", "until", "tags"]);
        for backup in &deleted {
            let over = if backup.is_over { " (over)" } else { "" };
            table.row(vec![
                backup.info.id.to_string().into(),
                local_time(backup.info.timestamp_seconds).into(),
                backup.info.sequence_number.to_string().into(),
                backup.info.number_files.to_string().into(),
                format!("{}{over}", until(backup.until_seconds)).into(),
                backup.info.tags.join(" ").into(),
            ]);
        }
        page.table(&table);
    })?;
    Ok(Exit::Success)
}

fn text(page: &mut Page<'_>, info: &RepositoryInfo, args: &ListArgs) {
    if info.backups.is_empty() {
        let none = if args.select.is_given() {
            "no selected backups"
        } else {
            "no backups"
        };
        page.line(format!("{} has {none}", info.location));
    } else if args.select.is_given() {
        page.table(&table(&info.backups));
        let backups = count(info.backups.len() as u64, "backup");
        page.line(format!("{backups} selected"));
    } else {
        page.table(&table(&info.backups));
        let backups = count(info.backups.len() as u64, "backup");
        let verified = verified_text(info.oldest_verified_seconds, info.never_verified_bytes);
        let drill = info.last_drill_seconds.map(local_time);
        let drill = drill.map_or_else(String::new, |time| format!(", last drill {time}"));
        page.line(format!(
            "{backups}, {} in all, {verified}{drill}",
            maybe_bytes(info.total_bytes)
        ));
    }
    for backup in &info.backups {
        reasons(page, backup);
    }
    for unknown in &info.unknown_files {
        page.line(format!("no part of any backup, left alone: {unknown}"));
    }
}

fn table(backups: &[BackupInfo]) -> Table {
    let mut table = Table::new(&[
        "id",
        "time",
        ">sequence",
        ">files",
        ">size",
        ">its own",
        "state",
        "tags",
    ]);
    for backup in backups {
        let read = |text: String| if_read(backup, text);
        table.row(vec![
            backup.id.to_string().into(),
            read(local_time(backup.timestamp_seconds)).into(),
            read(backup.sequence_number.to_string()).into(),
            read(backup.number_files.to_string()).into(),
            maybe_bytes(backup.size_bytes).into(),
            maybe_bytes(backup.unique_bytes).into(),
            state_cell(backup),
            backup.tags.join(" ").into(),
        ]);
    }
    table
}

fn reasons(page: &mut Page<'_>, backup: &BackupInfo) {
    let mark = format!("backup {}:", backup.id);
    match &backup.state {
        BackupState::Corrupt(findings) => {
            for finding in findings {
                page.marked(Style::Bad, &mark, finding.to_string());
            }
        }
        BackupState::Unsupported(reason) => page.marked(Style::Warning, &mark, reason),
        _ => {}
    }
}
