//! Formats cells of Markdown tables: short numbers, aligned columns.

use std::fmt::Write;

use crate::scenario::MIB;

/// A value that was not measured.
pub(super) fn absent() -> String {
    "–".to_owned()
}

/// With about four significant digits.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => absent(),
        s if s < 0.1 => format!("{s:.5}"),
        s if s < 10.0 => format!("{s:.3}"),
        s => format!("{s:.1}"),
    }
}

/// Mebibytes of memory or data.
pub(super) fn mib(bytes: f64) -> String {
    match bytes / MIB {
        0.0 => absent(),
        mib if mib < 100.0 => format!("{mib:.1}"),
        mib => format!("{mib:.0}"),
    }
}

/// A ratio, with as many digits as small ones need.
pub(super) fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => absent(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.4}"),
        Some(ratio) => format!("{ratio:.2}"),
    }
}

/// Lines of cells as a Markdown table. The first line is the head; the first column is aligned left, the others right.
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
