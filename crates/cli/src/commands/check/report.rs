//! Prints what was found, for people, programs and monitoring.

use serde::Serialize;

use super::args::OutputArgs;
use super::health::{Checked, Health};
use super::judge::period;
use super::nagios;
use super::prometheus;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::text::{Page, Style};
use crate::output::units::{bytes, count};
use crate::usage_error::UsageError;

#[derive(Serialize)]
struct CheckJson<'a> {
    health: Health,
    databases: &'a [Checked],
}

/// Prints the result, and writes the file for Prometheus.
pub(crate) fn report(checked: &[Checked], how: &OutputArgs, output: &Output) -> anyhow::Result<Exit> {
    if how.nagios && output.json {
        return Err(
            UsageError::new("--nagios prints a line, and --json a document: give one of them").into(),
        );
    }
    let worst = checked
        .iter()
        .map(|one| one.health)
        .max()
        .unwrap_or(Health::Never);
    // First: whoever looks at the metrics must learn of the failure, also if nobody reads the text.
    let written = how
        .prometheus
        .as_deref()
        .map(|file| prometheus::write(file, checked));
    if how.nagios {
        let line = nagios::line(checked, worst);
        output.data(&(), |page| page.line(&line))?;
        written.transpose()?;
        return Ok(Exit::Plugin(nagios::exit_code(worst)));
    }
    let document = CheckJson {
        health: worst,
        databases: checked,
    };
    if output.json || !output.quiet || worst != Health::Ok {
        output.data(&document, |page| text(page, checked, output.quiet))?;
    }
    written.transpose()?;
    Ok(worst.exit())
}

fn text(page: &mut Page<'_>, checked: &[Checked], quiet: bool) {
    for one in checked.iter().filter(|one| !quiet || one.health != Health::Ok) {
        let style = match one.health {
            Health::Ok => Style::Good,
            Health::Stale => Style::Warning,
            _ => Style::Bad,
        };
        let said = if one.reasons.is_empty() {
            summary(one)
        } else {
            one.reasons.join("; ")
        };
        let word = format!("{}:", one.health.word());
        page.marked(style, &word, format!("{}: {said}", one.label()));
    }
}

fn summary(one: &Checked) -> String {
    let figures = &one.figures;
    let mut said = Vec::new();
    if let Some(newest) = &figures.last_success {
        said.push(format!(
            "backup {} is {} old",
            newest.backup_id,
            period(newest.age_seconds)
        ));
    }
    if let Some(valid) = figures.valid_backups {
        said.push(format!("{} valid", count(valid, "backup")));
    }
    if let Some(total) = figures.total_bytes {
        said.push(format!("{} in all", bytes(total)));
    }
    if let Some(never @ 1..) = figures.never_verified_bytes {
        said.push(format!("{} never verified", bytes(never)));
    }
    said.join(", ")
}
