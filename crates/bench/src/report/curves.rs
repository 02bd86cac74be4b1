//! Draws curves of growth as an SVG chart. Both axes are logarithmic, so that linear growth is a straight line.

use std::fmt::Write;

use super::chart::{svg_begin, text};
use super::growth::{Curve, Curves, Growth};
use crate::scenario::Figure;

const PANEL: (f64, f64) = (560.0, 400.0);
/// Left of the curves, above, right of them, below.
const MARGIN: (f64, f64, f64, f64) = (60.0, 40.0, 150.0, 40.0);
const COLOURS: [&str; 8] = [
    "#2b6cb0", "#c53030", "#2f855a", "#dd6b20", "#6b46c1", "#b7791f", "#319795", "#718096",
];

/// A panel for each axis and figure.
pub(crate) fn svg(growth: &Growth) -> String {
    let figures = [
        (Figure::Wall, "seconds", 1.0),
        (Figure::Peak, "peak MiB", 1024.0 * 1024.0),
    ];
    let (width, height) = (PANEL.0 * figures.len() as f64, PANEL.1 * growth.axes.len() as f64);
    let mut out = svg_begin(width, height);
    for (row, curves) in (0u32..).zip(&growth.axes) {
        for (column, (figure, unit, per_unit)) in (0u32..).zip(figures) {
            let panel = Panel {
                left: f64::from(column) * PANEL.0,
                top: f64::from(row) * PANEL.1,
                curves: in_units(curves.curves(figure), per_unit),
            };
            panel.draw(&mut out, curves, unit);
        }
    }
    out + "</svg>\n"
}

fn in_units(mut curves: Vec<Curve>, per_unit: f64) -> Vec<Curve> {
    for (_, y) in curves.iter_mut().flat_map(|curve| &mut curve.values) {
        *y /= per_unit;
    }
    curves
}

struct Panel {
    left: f64,
    top: f64,
    curves: Vec<Curve>,
}

/// The powers of ten around some values.
struct Decades {
    first: i32,
    last: i32,
}

impl Decades {
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if logs.is_empty() {
            return Decades { first: 0, last: 1 };
        }
        let first = least.floor() as i32;
        Decades {
            first,
            last: (most.ceil() as i32).max(first + 1),
        }
    }

    /// From 0 at the first to 1 at the last.
    fn place(&self, value: f64) -> f64 {
        let log = value.max(f64::MIN_POSITIVE).log10();
        (log - f64::from(self.first)) / f64::from(self.last - self.first)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|power| 10f64.powi(power))
    }
}

impl Panel {
    fn draw(&self, out: &mut String, curves: &Curves, unit: &str) {
        let title = format!("{unit}, by {}", curves.title);
        text(out, (self.left + 10.0, self.top + 22.0), "14", &title);
        let values = || self.curves.iter().flat_map(|curve| &curve.values);
        let across = Decades::around(values().map(|(x, _)| *x));
        let up = Decades::around(values().map(|(_, y)| *y));
        self.grid(out, &across, &up);
        let mut lowest_label = f64::NEG_INFINITY;
        let mut curves: Vec<_> = self.curves.iter().zip(COLOURS.iter().cycle()).collect();
        let end = |curve: &Curve| curve.values.last().map_or(0.0, |(_, y)| *y);
        curves.sort_by(|(a, _), (b, _)| end(b).total_cmp(&end(a)));
        for (curve, colour) in curves {
            let points: Vec<(f64, f64)> = curve
                .values
                .iter()
                .map(|(x, y)| (self.x(across.place(*x)), self.y(up.place(*y))))
                .collect();
            let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let line = line.join(" ");
            let _ = writeln!(
                out,
                "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            // Labels of curves that end at the same height stand below each other.
            let (x, y) = points.last().copied().unwrap_or_default();
            lowest_label = (y + 4.0).max(lowest_label + 13.0);
            let _ = write!(out, "<g fill=\"{colour}\">");
            text(out, (x + 6.0, lowest_label), "11", &curve.name);
            let _ = writeln!(out, "</g>");
        }
    }

    fn grid(&self, out: &mut String, across: &Decades, up: &Decades) {
        for tick in across.ticks() {
            let x = self.x(across.place(tick));
            line(out, (x, self.y(0.0)), (x, self.y(1.0)));
            text(out, (x - 14.0, self.y(0.0) + 16.0), "11", &format!("{tick}"));
        }
        for tick in up.ticks() {
            let y = self.y(up.place(tick));
            line(out, (self.x(0.0), y), (self.x(1.0), y));
            text(out, (self.left + 8.0, y + 4.0), "11", &format!("{tick}"));
        }
    }

    fn x(&self, part: f64) -> f64 {
        self.left + MARGIN.0 + part * (PANEL.0 - MARGIN.0 - MARGIN.2)
    }

    fn y(&self, part: f64) -> f64 {
        self.top + PANEL.1 - MARGIN.3 - part * (PANEL.1 - MARGIN.1 - MARGIN.3)
    }
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#e2e8f0\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_powers_of_ten() {
        let decades = Decades::around([0.002, 0.0, 5.0].into_iter());
        assert_eq!((decades.first, decades.last), (-3, 1));
        assert!((decades.place(0.1) - 0.5).abs() < 1e-9);
        assert_eq!(decades.ticks().count(), 5);
        assert_eq!(Decades::around([10.0].into_iter()).last, 2);
    }
}
