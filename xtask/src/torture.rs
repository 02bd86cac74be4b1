//! `cargo xtask torture`: the machines that try to break promises, for any time.

use std::path::Path;

use crate::workspace;

/// Where thousands of small repositories are made without wearing a disk out.
const MEMORY: &str = "/dev/shm";

/// Runs a machine with these arguments, in release.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut torture = workspace::cargo();
    torture.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "stonekeep-torture",
        "--",
    ]);
    if std::env::var_os("TMPDIR").is_none() && Path::new(MEMORY).is_dir() {
        torture.env("TMPDIR", MEMORY);
    }
    workspace::run(torture.args(arguments))
}
