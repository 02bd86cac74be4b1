//! Measures growth, one number of files or backups after the other.

use std::path::Path;

use anyhow::Result;

use crate::comparison::Runner;
use crate::report::growth::{Curves, Point};
use crate::scenario::growth::{self, Axis};
use crate::scenario::{Place, Programs, Scale, Setting};

/// Measures all points of both axes in a directory.
///
/// # Errors
/// Those of the measured work.
pub(crate) fn run(runner: &Runner<'_>, directory: &Path, most_lines: u64) -> Result<Vec<Curves>> {
    [Axis::Files, Axis::Backups]
        .into_iter()
        .map(|axis| curves(runner, directory, axis, most_lines))
        .collect()
}

fn curves(runner: &Runner<'_>, directory: &Path, axis: Axis, most_lines: u64) -> Result<Curves> {
    let setting = Setting {
        place: Place::Memory,
        directory: directory.to_owned(),
        scale: Scale::FULL,
        programs: Programs::default(),
    };
    let mut points = Vec::new();
    for (at, shape) in growth::points(axis, most_lines) {
        let verbs = runner.set(&setting, growth::set(&setting, axis, at, shape))?;
        points.push(Point { at, verbs });
    }
    let title = Curves::title(axis);
    Ok(Curves { title, points })
}
