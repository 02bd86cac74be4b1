//! `cargo xtask soak`: captures databases while they are written, for any time.

use crate::{proof, workspace};

/// Runs the soak with these arguments, in release.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    proof::require_build_tools()?;
    let mut soak = workspace::cargo();
    soak.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "stonekeep-proof",
        "--bin",
        "soak",
        "--",
    ]);
    workspace::run(soak.args(arguments))
}
