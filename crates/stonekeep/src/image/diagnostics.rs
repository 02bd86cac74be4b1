//! Findings and warnings about a database while its image is taken.

use std::path::Path;

use super::CaptureHost;
use crate::{Error, ErrorKind, Finding, Result, Warning, WarningName};

/// Everything found so far: what forbids an image, and what the user should know.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    findings: Vec<Finding>,
    /// Damage that an image can live with; there is a warning of each.
    harmless: Vec<Finding>,
    warnings: Vec<Warning>,
    hint: Option<String>,
}

impl Diagnostics {
    /// Without this file, or with it as it is, there is no image.
    pub(super) fn add_finding(&mut self, file: &Path, reason: impl Into<String>) {
        self.findings.push(Finding {
            file: file.display().to_string(),
            reason: reason.into(),
        });
    }

    /// Something that an image can live with.
    pub(super) fn warn(&mut self, name: WarningName, about: &Path, message: impl Into<String>) {
        self.warnings
            .push(Warning::about(name, about.display().to_string(), message));
    }

    /// Damage that an image can live with: whoever does not look for damage gets a warning of it.
    pub(super) fn warn_of_damage(&mut self, name: WarningName, file: &Path, message: &str, reason: String) {
        self.warn(name, file, message);
        let file = file.display().to_string();
        self.harmless.push(Finding { file, reason });
    }

    /// Tells the host of all damage. If it passes over it, nothing of it forbids an image, and there is no warning of it.
    pub(super) fn hand_over_damage(&mut self, host: &mut dyn CaptureHost) {
        let mut damaged = self.findings.clone();
        damaged.extend_from_slice(&self.harmless);
        if damaged.is_empty() || !host.passes_over(&damaged) {
            return;
        }
        self.findings.clear();
        let harmless = std::mem::take(&mut self.harmless);
        let is_of = |warning: &Warning| {
            let same = |file: &Finding| warning.about.as_ref() == Some(&file.file);
            warning.name == WarningName::OptionsUnreadable && harmless.iter().any(same)
        };
        self.warnings.retain(|warning| !is_of(warning));
    }

    /// What to do about what was found, where the caller has no better advice.
    pub(super) fn hint(&mut self, hint: String) {
        self.hint.get_or_insert(hint);
    }

    /// Takes over warnings from elsewhere.
    pub(super) fn extend_warnings(&mut self, warnings: Vec<Warning>) {
        self.warnings.extend(warnings);
    }

    /// Whether something forbids an image.
    pub(super) fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// The warnings, unless something was found that forbids an image.
    pub(super) fn into_warnings(self, directory: &Path, hint: Option<&str>) -> Result<Vec<Warning>> {
        let Some(first) = self.findings.first() else {
            return Ok(self.warnings);
        };
        let directory = directory.display();
        let message = match self.findings.len() {
            1 => format!("the database in {directory} is damaged: {first}"),
            count => format!("the database in {directory} is damaged: {count} findings, the first: {first}"),
        };
        let error = Error::new(ErrorKind::Corrupt, message).with_findings(self.findings);
        Err(match hint.map(str::to_owned).or(self.hint) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }
}
