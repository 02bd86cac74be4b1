//! Reports a run as Markdown.

use super::cells::{absent, aligned, mib, ratio, seconds};
use super::{Report, judgements};
use crate::measure::Figures;
use crate::result::{Comparison, Row};
use crate::scenario::{Figure, Peer};
use crate::spread::Spread;

/// What stands above all comparisons.
pub(super) fn machine(report: &Report) -> String {
    let counted = match &report.not_counted {
        None => "system calls counted by strace in a run of their own".to_owned(),
        Some(reason) => format!("system calls not counted: skipped: {reason}"),
    };
    format!(
        "{}{} rounds, {counted}.\n",
        report.machine.sentence(),
        report.rounds
    )
}

/// One comparison, with the wanted figures.
pub(super) fn section(comparison: &Comparison) -> String {
    table(comparison) + &judgements::of_comparison(comparison)
}

/// Columns of ratios.
const PEERS: [(&str, Peer); 8] = [
    ("of rocksdb 2", Peer::RocksDb),
    ("of crc32c", Peer::RocksDbCrc32c),
    ("of floor", Peer::Floor),
    ("of other build", Peer::Against),
    ("of bare client", Peer::Client),
    ("of eat-rocks", Peer::EatRocks),
    ("of hdfs dfs", Peer::HdfsDfs),
    ("of without latency", Peer::WithoutLatency),
];

const HEAD: [&str; 11] = [
    "",
    "median s",
    "min",
    "max",
    "user s",
    "system s",
    "peak MiB",
    "read MiB",
    "written MiB",
    "flushes",
    "calls",
];

fn table(comparison: &Comparison) -> String {
    let head = HEAD.into_iter().chain(PEERS.map(|(head, _)| head));
    let mut lines = vec![head.map(str::to_owned).collect()];
    lines.extend(comparison.rows.iter().map(|row| cells(comparison, row)));
    drop_absent_columns(&mut lines);
    format!(
        "\n### {}\n\n{}; load at the end {:.1}\n\n{}{}",
        comparison.name,
        comparison.title,
        comparison.load,
        aligned(&lines),
        cached(comparison)
    )
}

/// Drops the columns in which no row has a value.
fn drop_absent_columns(lines: &mut [Vec<String>]) {
    let columns = lines.first().map_or(0, Vec::len);
    for at in (0..columns).rev() {
        if lines.iter().skip(1).all(|line| line[at] == absent()) {
            lines.iter_mut().for_each(|line| drop(line.remove(at)));
        }
    }
}

fn cached(comparison: &Comparison) -> String {
    let watched = comparison.rows.iter().filter(|row| !row.cached.is_empty());
    let of_row = |row: &Row| {
        let parts = row
            .cached
            .iter()
            .map(|cached| format!("{:.0} %", cached.part() * 100.0));
        format!("{} {}", row.who, parts.collect::<Vec<_>>().join(" and "))
    };
    let rows: Vec<String> = watched.map(of_row).collect();
    if rows.is_empty() {
        String::new()
    } else {
        format!(
            "\nIn the page cache afterwards, of the database's tables and of the repository's: {}.\n",
            rows.join("; ")
        )
    }
}

fn cells(comparison: &Comparison, row: &Row) -> Vec<String> {
    let wall = row.wall();
    let mean = |of: fn(&Figures) -> u64| {
        let sum: u64 = row.runs.iter().map(of).sum();
        mib(sum as f64 / row.runs.len().max(1) as f64)
    };
    let median = |of: fn(&Figures) -> f64| seconds(Spread::of(row.runs.iter().map(of)).median);
    let count = |count: Option<u64>| count.map_or_else(absent, |count| count.to_string());
    let counts = row.counts.as_ref();
    let ratios = PEERS.map(|(_, peer)| ratio(comparison.ratio(row, Figure::Wall, peer)));
    let figures = [
        row.who.clone(),
        seconds(wall.median),
        seconds(wall.min),
        seconds(wall.max),
        median(|run| run.user_s),
        median(|run| run.system_s),
        mib(row.figure(Figure::Peak).unwrap_or_default()),
        mean(|run| run.read_bytes),
        mean(|run| run.written_bytes),
        count(counts.map(|counts| counts.flushes)),
        count(counts.map(|counts| counts.calls)),
    ];
    figures.into_iter().chain(ratios).collect()
}
