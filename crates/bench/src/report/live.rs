//! Prints results as they come, so that a run that is cut off leaves what it had.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Report, judgements, table};
use crate::result::Comparison;

/// The report of a run that is going on.
pub(crate) struct Live {
    report: RefCell<Report>,
    json: Option<PathBuf>,
}

impl Live {
    /// Prints what is known before the first comparison.
    pub(crate) fn begin(report: Report, json: Option<&Path>) -> Self {
        print!("{}", table::machine(&report));
        Live {
            report: RefCell::new(report),
            json: json.map(Path::to_owned),
        }
    }

    /// Prints a comparison, and writes the file anew.
    ///
    /// # Errors
    /// Those of writing the file.
    pub(crate) fn add(&self, comparison: &Comparison) -> Result<()> {
        print!("{}", table::section(comparison));
        let mut report = self.report.borrow_mut();
        report.comparisons.push(comparison.clone());
        write_json(self.json.as_deref(), &*report)
    }

    /// Prints what is wanted of all comparisons.
    ///
    /// # Errors
    /// Those of writing the file.
    pub(crate) fn end(self) -> Result<Report> {
        let report = self.report.into_inner();
        print!("{}", judgements::table(&report));
        write_json(self.json.as_deref(), &report)?;
        Ok(report)
    }
}

/// Writes a report as JSON, if that is wanted.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write_json(path: Option<&Path>, report: &impl Serialize) -> Result<()> {
    write(path, || Ok(serde_json::to_string_pretty(report)?))
}

/// Writes a file, if it is wanted.
///
/// # Errors
/// Those of the text and of the file system.
pub(crate) fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String>) -> Result<()> {
    match path {
        Some(path) => fs::write(path, text()?).with_context(|| path.display().to_string()),
        None => Ok(()),
    }
}
