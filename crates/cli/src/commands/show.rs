//! `stonekeep show`: the details of one backup.

use clap::Args;
use serde_json::json;
use stonekeep::engine::info::{BackupFileInfo, BackupInfo, BackupState, InfoDetail};

use super::Session;
use crate::args::repository::RepoArgs;
use crate::args::select::SelectArgs;
use crate::args::which::{Which, parse_id_or_latest};
use crate::exit::Exit;
use crate::output::app_metadata::AppMetadata;
use crate::output::backup_info::{capture_text, if_read, prepared_text, verified_text};
use crate::output::command_words::translate;
use crate::output::hold::describe;
use crate::output::text::{Page, Style, Table};
use crate::output::units::{bytes, files, local_time, maybe_bytes, temperature_name};

/// Show the details of a backup
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::SHOW)]
pub(crate) struct ShowArgs {
    /// The backup: an id, latest, or latest~N (the Nth before the newest)
    #[arg(value_name = "ID", value_parser = parse_id_or_latest, default_value = "latest")]
    backup: Which,
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    select: SelectArgs,
    /// Also list the files of the backup
    #[arg(long)]
    files: bool,
}

pub(crate) fn run(args: &ShowArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(session.engine_options())?;
    let detail = if args.files {
        InfoDetail::Files
    } else {
        InfoDetail::Sizes
    };
    let (id, doubts) = args.select.resolve(&engine, args.backup)?;
    let mut info = engine.get_backup_info(id, detail)?;
    translate(&mut info.capture_warnings);
    let document = json!({ "backup": info });
    session.output.data(&document, |page| text(page, &info))?;
    session.output.warnings(&doubts);
    Ok(Exit::Success)
}

fn text(page: &mut Page<'_>, info: &BackupInfo) {
    page.fields(&fields(info));
    match &info.state {
        BackupState::Corrupt(findings) => {
            for finding in findings {
                page.marked(Style::Bad, "corrupt:", finding.to_string());
            }
        }
        BackupState::Unsupported(reason) => page.marked(Style::Warning, "unsupported:", reason),
        _ => {}
    }
    for warning in &info.capture_warnings {
        page.warning(warning);
    }
    if let Some(files) = &info.files {
        page.gap();
        page.table(&table(files));
    }
}

fn fields(info: &BackupInfo) -> Vec<(&'static str, String)> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "not recorded".to_owned());
    let read = |text: String| if_read(info, text);
    let families = info.column_families.as_ref().map(|families| {
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        names.join(", ")
    });
    let mut fields = vec![
        ("backup", info.id.to_string()),
        ("state", info.state.name().to_owned()),
        ("time", read(local_time(info.timestamp_seconds))),
        ("sequence number", read(info.sequence_number.to_string())),
        ("files", read(info.number_files.to_string())),
        ("size", maybe_bytes(info.size_bytes)),
        ("its own", maybe_bytes(info.unique_bytes)),
        ("shared with others", maybe_bytes(info.shared_bytes)),
        (
            "verified",
            verified_text(info.oldest_verified_seconds, info.never_verified_bytes),
        ),
        ("database id", known(&info.database_id)),
        ("column families", known(&families)),
        ("RocksDB version", known(&info.rocksdb_version)),
        (
            "captured",
            known(&info.capture.map(|kind| capture_text(kind, info.live))),
        ),
        ("host", known(&info.host)),
        ("made by", known(&info.created_by)),
        ("meta schema", read(info.schema.clone())),
    ];
    if let Some(hold) = &info.hold {
        fields.push(("held", describe(hold)));
    }
    if let Some(seconds) = info.last_drill_seconds {
        fields.push(("last drill", local_time(seconds)));
    }
    if let Some(engine) = &info.engine {
        fields.push(("written by", engine.clone()));
    }
    if info.prepared_transactions > 0 {
        fields.push(("prepared", prepared_text(info.prepared_transactions)));
    }
    if info.included_files > 0 {
        fields.push(("included", files(info.included_files, info.included_bytes)));
    }
    if info.excluded_files > 0 {
        fields.push(("excluded files", info.excluded_files.to_string()));
    }
    if !info.tags.is_empty() {
        fields.push(("tags", info.tags.join(" ")));
    }
    if !info.app_metadata.is_empty() {
        let app_metadata = AppMetadata::new(&info.app_metadata, info.app_metadata_bytes);
        fields.push(("app metadata", app_metadata.text()));
    }
    fields
}

fn table(files: &[BackupFileInfo]) -> Table {
    let mut table = Table::new(&["file", ">size", ">crc32c", "shared with", "notes"]);
    for file in files {
        let others: Vec<String> = file.shared_with.iter().map(ToString::to_string).collect();
        let mut notes: Vec<&str> = temperature_name(file.temperature).into_iter().collect();
        if file.excluded {
            notes.push("excluded");
        }
        if file.included {
            notes.push("included");
        }
        table.row(vec![
            file.path.as_str().into(),
            file.size_bytes.map_or_else(|| "?".to_owned(), bytes).into(),
            file.crc32c.map(|crc| crc.to_string()).unwrap_or_default().into(),
            others.join(" ").into(),
            notes.join(" ").into(),
        ]);
    }
    table
}
