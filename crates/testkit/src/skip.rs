//! Reports that a test cannot run here, and why.

use std::fs::OpenOptions;
use std::io::{self, Write as _};

/// Set to `1` (CI does), it makes every skip a failure.
pub const NO_SKIP: &str = "STONEKEEP_NO_SKIP";
/// The file to which skips are added, a line each; `cargo xtask proof` sets it for its summary.
pub const SKIP_LOG: &str = "STONEKEEP_SKIP_LOG";

/// Says that `test` does not run for this `reason`, on standard error, where no test harness hides it.
///
/// # Errors
/// Where skips are forbidden.
pub fn because(test: &str, reason: &str) -> io::Result<()> {
    if std::env::var_os(NO_SKIP).is_some_and(|value| value == "1") {
        let message = format!("{NO_SKIP}=1 forbids to skip {test}: {reason}");
        return Err(io::Error::other(message));
    }
    writeln!(io::stderr(), "skipped: {test}: {reason}")?;
    if let Some(path) = std::env::var_os(SKIP_LOG) {
        let mut log = OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(log, "{test}: {reason}")?;
    }
    Ok(())
}

/// The tool, or a skip of `test` that names it.
///
/// # Errors
/// Where skips are forbidden.
pub fn unless<T>(tool: Option<T>, test: &str, install: &str) -> io::Result<Option<T>> {
    if tool.is_none() {
        because(test, install)?;
    }
    Ok(tool)
}
