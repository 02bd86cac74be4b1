//! Compares measured figures with the wanted ones.

use super::Report;
use super::cells::{absent, aligned, ratio};
use crate::result::{Comparison, Judgement};
use crate::scenario::{Figure, MIB, Peer, Wanted};

/// The limit of the stripped command, which contains the clients of object stores.
const COMMAND_BYTES: f64 = 22e6;

const HEAD: [&str; 5] = ["", "figure", "wanted", "seen", ""];

/// One line for each wanted figure of a comparison; nothing without any.
pub(super) fn of_comparison(comparison: &Comparison) -> String {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    lines.extend(comparison.judgements.iter().map(|it| line(&comparison.name, it)));
    match lines.len() {
        1 => String::new(),
        _ => format!("\n{}", aligned(&lines)),
    }
}

/// One line for each wanted figure.
pub(super) fn table(report: &Report) -> String {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    for comparison in &report.comparisons {
        for judgement in &comparison.judgements {
            lines.push(line(&comparison.name, judgement));
        }
    }
    if let Some(bytes) = report.command_bytes {
        let bytes = bytes as f64;
        let megabytes = |bytes: f64| format!("{:.1} MB", bytes / 1e6);
        let cells = [
            "command/size".to_owned(),
            "of the file".to_owned(),
            megabytes(COMMAND_BYTES),
            megabytes(bytes),
            verdict(Some(bytes <= COMMAND_BYTES)),
        ];
        lines.push(cells.to_vec());
    }
    format!("\n### Wanted and seen\n\n{}", aligned(&lines))
}

fn line(name: &str, judgement: &Judgement) -> Vec<String> {
    let (what, shown): (String, fn(f64) -> String) = match judgement.wanted {
        Wanted::Ratio { figure, of, .. } | Wanted::RatioIf { figure, of, .. } => {
            (format!("{} of {}", word(figure), peer(of)), |seen| {
                ratio(Some(seen))
            })
        }
        Wanted::Limit { figure, .. } => {
            let shown = match figure {
                Figure::Wall | Figure::Cpu => |seen: f64| format!("{:.1} ms", seen * 1e3),
                Figure::Peak => |seen: f64| format!("{:.1} MiB", seen / MIB),
                Figure::Flushes | Figure::TablesOpened => |seen: f64| format!("{seen:.0}"),
                Figure::CallsPerItem => |seen: f64| format!("{seen:.2}"),
            };
            (word(figure).to_owned(), shown)
        }
    };
    vec![
        name.to_owned(),
        what,
        shown(judgement.wanted.at_most()),
        judgement.seen.map_or_else(absent, shown),
        outcome(judgement),
    ]
}

fn word(figure: Figure) -> &'static str {
    match figure {
        Figure::Wall => "time",
        Figure::Cpu => "CPU time",
        Figure::Peak => "peak memory",
        Figure::Flushes => "flushes",
        Figure::TablesOpened => "tables opened",
        Figure::CallsPerItem => "calls per file",
    }
}

fn peer(peer: Peer) -> &'static str {
    match peer {
        Peer::RocksDb => "rocksdb 2",
        Peer::Floor => "the floor",
        Peer::RocksDbCrc32c => "rocksdb 2 crc32c",
        Peer::TwoWorkers => "2 workers",
        Peer::Against => "the other build",
        Peer::Client => "the bare client",
        Peer::EatRocks => "eat-rocks",
        Peer::HdfsDfs => "hdfs dfs",
        Peer::WithoutLatency => "that without latency",
        Peer::OneDatabase => "one database",
        Peer::OneRepository => "one repository",
        Peer::FileTool => "the faster of restic and rustic",
        Peer::SstDump => "sst_dump",
        Peer::Checksums => "checksums",
    }
}

fn outcome(judgement: &Judgement) -> String {
    match (judgement.wanted, judgement.condition, judgement.is_met()) {
        (Wanted::RatioIf { reached_by, .. }, Some(other), None) => {
            format!("not wanted: {} has {}", peer(reached_by), ratio(Some(other)))
        }
        (_, _, is_met) => verdict(is_met),
    }
}

fn verdict(is_met: Option<bool>) -> String {
    match is_met {
        Some(true) => "reached",
        Some(false) => "missed",
        None => "not measured",
    }
    .to_owned()
}
