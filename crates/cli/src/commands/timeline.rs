//! `stonekeep timeline`: which points can be restored.

use clap::Args;
use serde_json::json;
use stonekeep::engine::timeline::{StreamTimeline, TimelineRange};

use super::Session;
use crate::args::engine::WorkArgs;
use crate::args::repository::RepoArgs;
use crate::exit::Exit;
use crate::output::text::{Page, Table};
use crate::output::units::{backup_ids, bytes, count, local_time};

/// Show which points between backups can be restored
///
/// Lists the streams that follow has written, the ranges of sequence numbers and times that restore --at and --at-seq can go to, and where they
/// are broken. Reads the beginning of each segment.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::TIMELINE)]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    repo: RepoArgs,
    #[command(flatten)]
    work: WorkArgs,
}

pub(crate) fn run(args: &TimelineArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine = args.repo.open(args.work.apply(session.engine_options()))?;
    let streams = engine.timeline()?;
    let is_whole = streams.iter().all(|stream| stream.findings.is_empty());
    session.output.data(&json!({ "streams": streams }), |page| {
        if streams.is_empty() {
            page.line("no database was followed into this repository");
        }
        for stream in &streams {
            text(page, stream);
        }
    })?;
    Ok(if is_whole { Exit::Success } else { Exit::Corrupt })
}

fn text(page: &mut Page<'_>, stream: &StreamTimeline) {
    page.head(&format!("stream {}", stream.stream));
    let segments = count(stream.segments, "segment");
    let stored = bytes(stream.stored_bytes);
    let mut fields = Vec::new();
    fields.extend(stream.directory.clone().map(|directory| ("database", directory)));
    fields.push((
        "stored",
        format!("{segments}, {stored}, {} of WALs", bytes(stream.wal_bytes)),
    ));
    page.fields(&fields);
    if stream.ranges.is_empty() {
        page.line("no base: nothing of it can be restored");
    } else {
        page.table(&table(&stream.ranges));
    }
    for broken in &stream.breaks {
        let time = local_time(broken.measured_ms.div_euclid(1000));
        let reason = &broken.reason;
        page.line(format!(
            "broken before {time}, in segment {}: {reason}",
            broken.segment
        ));
    }
    for finding in &stream.findings {
        page.line(format!("damaged: {finding}"));
    }
}

fn table(ranges: &[TimelineRange]) -> Table {
    let time = |milliseconds: Option<i64>| {
        milliseconds.map_or_else(String::new, |time| local_time(time.div_euclid(1000)))
    };
    let mut table = Table::new(&[">from sequence", ">to", "from", "to", "bases", "ends with"]);
    for range in ranges {
        table.row(vec![
            range.from_sequence.to_string().into(),
            range.to_sequence.to_string().into(),
            time(range.from_ms).into(),
            time(range.to_ms).into(),
            backup_ids(&range.bases).into(),
            range.ends.as_deref().unwrap_or("the stream").into(),
        ]);
    }
    table
}
