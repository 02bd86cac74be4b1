//! The report as Markdown.

use std::fmt::Write;

use super::{Report, judgements};
use crate::measure::Figures;
use crate::result::{Comparison, Row, Spread};
use crate::scenario::{Figure, MIB, Peer};

/// The whole report.
pub(crate) fn markdown(report: &Report) -> String {
    let mut out = machine(report);
    for comparison in &report.comparisons {
        out += &table(comparison);
    }
    out + &judgements::table(report)
}

fn machine(report: &Report) -> String {
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

const HEAD: [&str; 13] = [
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
    "of rocksdb 2",
    "of floor",
];

fn table(comparison: &Comparison) -> String {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    lines.extend(comparison.rows.iter().map(|row| cells(comparison, row)));
    format!(
        "\n### {}\n\n{}\n\n{}{}",
        comparison.name,
        comparison.title,
        aligned(&lines),
        cached(comparison)
    )
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
    match rows.is_empty() {
        true => String::new(),
        false => format!(
            "\nIn the page cache afterwards, of the database's tables and of the repository's: {}.\n",
            rows.join("; ")
        ),
    }
}

fn cells(comparison: &Comparison, row: &Row) -> Vec<String> {
    let wall = row.wall();
    let mean = |of: fn(&Figures) -> u64| {
        let sum: u64 = row.runs.iter().map(of).sum();
        mib(sum as f64 / row.runs.len().max(1) as f64)
    };
    let median = |of: fn(&Figures) -> f64| seconds(Spread::of(row.runs.iter().map(of)).median);
    let count = |count: Option<u64>| count.map_or_else(nothing, |count| count.to_string());
    let counts = row.counts.as_ref();
    vec![
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
        ratio(comparison.ratio(row, Figure::Wall, Peer::RocksDb)),
        ratio(comparison.ratio(row, Figure::Wall, Peer::Floor)),
    ]
}

fn nothing() -> String {
    "–".to_owned()
}

/// Four digits that count.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => nothing(),
        s if s < 0.1 => format!("{s:.5}"),
        s if s < 10.0 => format!("{s:.3}"),
        s => format!("{s:.1}"),
    }
}

/// Memory or data.
pub(super) fn mib(bytes: f64) -> String {
    match bytes / MIB {
        0.0 => nothing(),
        mib if mib < 100.0 => format!("{mib:.1}"),
        mib => format!("{mib:.0}"),
    }
}

/// A ratio, with as many digits as small ones need.
pub(super) fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => nothing(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.4}"),
        Some(ratio) => format!("{ratio:.2}"),
    }
}

/// Lines of cells as a Markdown table; the first line is its head, the first column stands left, the others right.
pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let length = |line: &Vec<String>, at: usize| line.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            lines
                .iter()
                .map(|line| length(line, at))
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match at {
                0 => write!(out, "| {cell:width$} |"),
                _ => write!(out, " {cell:>width$} |"),
            };
        }
        out.push('\n');
        if n == 0 {
            let rule = |(at, width): (usize, &usize)| match at {
                0 => format!("|{}|", "-".repeat(width + 2)),
                _ => format!("{}:|", "-".repeat(width + 1)),
            };
            out.extend(widths.iter().enumerate().map(rule));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let lines = [vec!["".into(), "a".into()], vec!["wide".into(), "1234".into()]];
        assert_eq!(
            aligned(&lines),
            "|      |    a |\n|------|-----:|\n| wide | 1234 |\n"
        );
    }

    #[test]
    fn numbers_have_the_digits_that_they_need() {
        let shown = [0.000_71, 0.5, 12.34].map(seconds);
        assert_eq!(shown, ["0.00071", "0.500", "12.3"]);
        let shown = [Some(0.0071), Some(1.0), None].map(ratio);
        assert_eq!(shown, ["0.0071", "1.00", "–"]);
        assert_eq!([3.0 * MIB, 300.0 * MIB, 0.0].map(mib), ["3.0", "300", "–"]);
    }
}
