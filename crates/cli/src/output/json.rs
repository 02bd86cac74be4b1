//! The parts that JSON documents have in common. `docs/json.md` describes them all.

use serde::Serialize;
use serde_json::{Value, json};

use super::failure::Failure;

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

/// The report of a verb that changes something, or of its dry run.
#[derive(Serialize)]
pub(crate) struct DryRun<'a, R: Serialize> {
    pub(crate) dry_run: bool,
    #[serde(flatten)]
    pub(crate) report: &'a R,
}

/// The document of a command that failed.
pub(crate) fn error_body(failure: &Failure, exit_code: u8) -> Value {
    let mut error = serde_json::to_value(failure).unwrap_or_default();
    error["exit_code"] = exit_code.into();
    json!({ "error": error })
}

/// The word for a value in JSON, for use in text.
pub(crate) fn word(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
