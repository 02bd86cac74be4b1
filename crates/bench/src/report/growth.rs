//! Reports curves of growth as JSON and as Markdown.

use serde::Serialize;

use super::cells::{aligned, mib, seconds};
use crate::machine::Machine;
use crate::result::Comparison;
use crate::scenario::Figure;
use crate::scenario::growth::Axis;

/// Everything that a run found out; also the form of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Growth {
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) axes: Vec<Curves>,
}

/// What grows along one axis.
#[derive(Debug, Serialize)]
pub(crate) struct Curves {
    /// As in "files, with 10 backups of them".
    pub(crate) title: String,
    pub(crate) points: Vec<Point>,
}

/// All verbs at one point.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) at: u64,
    pub(crate) verbs: Vec<Comparison>,
}

/// One line of a chart.
pub(crate) struct Curve {
    /// As in "list, rocksdb 2".
    pub(crate) name: String,
    /// Where on the axis, and how much.
    pub(crate) values: Vec<(f64, f64)>,
}

impl Curves {
    /// The words for an axis.
    pub(crate) fn title(axis: Axis) -> String {
        match axis {
            Axis::Files => "files in each of 10 backups",
            Axis::Backups => "backups of 1,000 files each",
        }
        .to_owned()
    }

    /// What a figure does along the axis, for each verb and each contestant.
    pub(crate) fn curves(&self, figure: Figure) -> Vec<Curve> {
        let Some(first) = self.points.first() else {
            return Vec::new();
        };
        let mut curves = Vec::new();
        for (n, verb) in first.verbs.iter().enumerate() {
            for row in &verb.rows {
                let value = |point: &Point| {
                    let row = point.verbs.get(n)?.row(&row.who)?;
                    Some((point.at as f64, row.figure(figure)?))
                };
                let word = verb.name.rsplit('/').next().unwrap_or_default();
                curves.push(Curve {
                    name: format!("{word}, {}", row.who),
                    values: self.points.iter().filter_map(value).collect(),
                });
            }
        }
        curves
    }
}

/// Tables of seconds, and of memory.
pub(crate) fn markdown(growth: &Growth) -> String {
    let mut out = growth.machine.sentence();
    out += &format!("{} rounds, in memory.\n", growth.rounds);
    for curves in &growth.axes {
        out += &table(curves, "median s", Figure::Wall, seconds);
        out += &table(curves, "peak MiB", Figure::Peak, mib);
    }
    out
}

fn table(curves: &Curves, what: &str, figure: Figure, show: fn(f64) -> String) -> String {
    let mut lines = vec![head(curves, what)];
    for curve in curves.curves(figure) {
        let values = curve.values.iter().map(|(_, value)| show(*value));
        lines.push([curve.name.clone()].into_iter().chain(values).collect());
    }
    format!("\n### {}: {what}\n\n{}", curves.title, aligned(&lines))
}

fn head(curves: &Curves, what: &str) -> Vec<String> {
    let points = curves.points.iter().map(|point| point.at.to_string());
    [what.to_owned()].into_iter().chain(points).collect()
}
