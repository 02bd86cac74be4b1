//! Draws the times of all contestants as an SVG chart, each scenario on its own scale.

use std::fmt::Write;

use super::Report;
use crate::result::{Comparison, Row};
use crate::scenario::{FLOOR, Peer, ROCKSDB, STONEKEEP};

const WIDTH: u32 = 900;
const LABELS: u32 = 150;
const BARS: f64 = 620.0;
const ROW: u32 = 18;
const HEAD: u32 = 30;
const GAP: u32 = 14;
/// A bar of the peer that others are compared with fills this part of the room; longer ones are cut off.
const WHOLE: f64 = 0.6;

/// The chart. A bar is a median as a part of RocksDB's with 2 threads, or of the floor where RocksDB takes no part; a
/// thin line goes from the least to the most.
pub(crate) fn svg(report: &Report) -> String {
    let height: u32 = report.comparisons.iter().map(height_of).sum::<u32>() + HEAD;
    let mut out = svg_begin(f64::from(WIDTH), f64::from(height));
    let title = "Median time of each scenario; the number is seconds, then what part of the peer's it is";
    text(&mut out, (10.0, 18.0), "14", title);
    let mut top = HEAD;
    for comparison in &report.comparisons {
        draw(&mut out, comparison, top);
        top += height_of(comparison);
    }
    out + "</svg>\n"
}

/// The beginning of every chart.
pub(super) fn svg_begin(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

fn height_of(comparison: &Comparison) -> u32 {
    HEAD + GAP + ROW * u32::try_from(comparison.rows.len()).unwrap_or(0)
}

fn draw(out: &mut String, comparison: &Comparison, top: u32) {
    let name = format!("{}: {}", comparison.name, comparison.title);
    text(out, (10.0, f64::from(top + 20)), "13", &name);
    let peer = [Peer::RocksDb, Peer::Floor, Peer::TwoWorkers, Peer::Against]
        .iter()
        .find_map(|peer| comparison.peer(*peer));
    let slowest = comparison.rows.iter().map(|row| row.wall().median);
    let whole = peer.map_or_else(|| slowest.fold(0.0, f64::max), |peer| peer.wall().median);
    for (n, row) in (0u32..).zip(&comparison.rows) {
        bar(out, row, whole, f64::from(top + HEAD + n * ROW));
    }
}

fn bar(out: &mut String, row: &Row, whole: f64, y: f64) {
    let wall = row.wall();
    let left = f64::from(LABELS);
    let length = |seconds: f64| (seconds / whole * BARS * WHOLE).clamp(0.0, BARS);
    text(out, (20.0, y + 12.0), "12", &row.who);
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" fill=\"{}\"/>",
        y + 2.0,
        length(wall.median).max(0.5),
        colour(&row.who)
    );
    let middle = y + 8.0;
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>",
        left + length(wall.min),
        left + length(wall.max),
    );
    let part = format!("{:.4} s, {:.3}", wall.median, wall.median / whole);
    let end = left + length(wall.median.max(wall.max)) + 6.0;
    text(out, (end, y + 12.0), "11", &part);
}

fn colour(who: &str) -> &'static str {
    match who {
        who if who.starts_with(STONEKEEP) => "#2b6cb0",
        who if who.starts_with(FLOOR) => "#a0aec0",
        ROCKSDB => "#dd6b20",
        _ => "#f6ad55",
    }
}

/// A line of text.
pub(super) fn text(out: &mut String, (x, y): (f64, f64), size: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\">{text}</text>"
    );
}
