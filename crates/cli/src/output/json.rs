//! The parts that JSON documents have in common. `docs/json.md` describes them all.

use serde::Serialize;
use stonekeep::{Finding, Warning};

use super::command_words::in_command_words;
use super::failure::Failure;
use crate::exit::Exit;

/// Goes up when a field changes its meaning or goes away; new fields may come without.
pub(crate) const VERSION: u32 = 1;

/// What every document begins with.
#[derive(Serialize)]
pub(crate) struct Document<'a, T: Serialize> {
    stonekeep_json: u32,
    command: Option<&'a str>,
    #[serde(flatten)]
    body: &'a T,
}

impl<'a, T: Serialize> Document<'a, T> {
    pub(crate) fn new(command: Option<&'a str>, body: &'a T) -> Self {
        Document {
            stonekeep_json: VERSION,
            command,
            body,
        }
    }
}

/// The document of a command that failed.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: &'a str,
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
    findings: Vec<FindingJson>,
    exit_code: u8,
}

impl<'a> ErrorBody<'a> {
    pub(crate) fn new(failure: &'a Failure, exit: Exit) -> Self {
        ErrorBody {
            error: ErrorJson {
                kind: failure.kind,
                message: &failure.message,
                causes: &failure.causes,
                hint: failure.hint.as_deref(),
                findings: findings(&failure.findings),
                exit_code: exit.code(),
            },
        }
    }
}

/// One thing that is wrong with one file.
#[derive(Debug, Serialize)]
pub(crate) struct FindingJson {
    file: String,
    reason: String,
}

/// Findings in their order.
pub(crate) fn findings(findings: &[Finding]) -> Vec<FindingJson> {
    let json = |finding: &Finding| FindingJson {
        file: finding.file.clone(),
        reason: finding.reason.clone(),
    };
    findings.iter().map(json).collect()
}

/// A problem that did not stop the work.
#[derive(Debug, Serialize)]
pub(crate) struct WarningJson {
    name: &'static str,
    about: Option<String>,
    message: String,
    accepted: bool,
}

/// Warnings in their order.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<WarningJson> {
    let json = |warning: &Warning| WarningJson {
        name: warning.name.as_str(),
        about: warning.about.clone(),
        message: in_command_words(&warning.message),
        accepted: warning.accepted,
    };
    warnings.iter().map(json).collect()
}
