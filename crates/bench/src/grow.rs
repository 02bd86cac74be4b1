//! The measuring of growth, point by point.

use std::path::Path;

use anyhow::Result;

use crate::comparison::Manner;
use crate::report::growth::{Curves, Point};
use crate::scenario::growth::{self, Axis};
use crate::scenario::{Ground, Place, Scale};

/// Measures all points of both axes in a directory.
///
/// # Errors
/// Those of the measured work.
pub(crate) fn run(manner: &Manner<'_>, directory: &Path, most_lines: u64) -> Result<Vec<Curves>> {
    [Axis::Files, Axis::Backups]
        .into_iter()
        .map(|axis| curves(manner, directory, axis, most_lines))
        .collect()
}

fn curves(manner: &Manner<'_>, directory: &Path, axis: Axis, most_lines: u64) -> Result<Curves> {
    let ground = Ground {
        place: Place::Memory,
        directory: directory.to_owned(),
        scale: Scale::FULL,
        command: None,
    };
    let mut points = Vec::new();
    for (at, shape) in growth::points(axis, most_lines) {
        let verbs = manner.set(&ground, growth::set(&ground, axis, at, shape))?;
        points.push(Point { at, verbs });
    }
    let title = Curves::title(axis);
    Ok(Curves { title, points })
}
