//! How a test says that it could not run.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::{ProofError, Result};

/// Set to `1` (CI does), it makes every skip a failure.
pub const NO_SKIP: &str = "STONEKEEP_NO_SKIP";
/// The file to which skips are added, a line each; `cargo xtask proof` sets it for its summary.
pub const SKIP_LOG: &str = "STONEKEEP_SKIP_LOG";

/// Notes that `test` does not run for this `reason`.
///
/// # Errors
/// Where skips are forbidden.
pub fn because(test: &str, reason: &str) -> Result<()> {
    if std::env::var_os(NO_SKIP).is_some_and(|value| value == "1") {
        let output = format!("{NO_SKIP}=1 forbids to skip it: {reason}");
        return Err(ProofError::Command {
            command: test.to_owned(),
            output,
        });
    }
    if let Some(path) = std::env::var_os(SKIP_LOG) {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ProofError::io(path.as_ref()))?;
        writeln!(log, "{test}: {reason}").map_err(ProofError::io(path.as_ref()))?;
    }
    Ok(())
}

/// The tool, or a skip of `test` that names it.
///
/// # Errors
/// Where skips are forbidden.
pub fn unless<T>(tool: Option<T>, test: &str, install: &str) -> Result<Option<T>> {
    if tool.is_none() {
        because(test, install)?;
    }
    Ok(tool)
}
