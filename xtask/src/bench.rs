//! `cargo xtask bench`: Stonekeep measured beside RocksDB's engine and a bare copy.

use crate::{proof, workspace};

/// Builds the command and the bench for speed, and runs the bench with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    proof::require_build_tools()?;
    proof::warn_of_long_build("release");
    let mut command = workspace::cargo();
    workspace::run(command.args(["build", "--release", "--quiet", "--package", "stonekeep-cli"]))?;
    let mut bench = workspace::cargo();
    bench.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "stonekeep-bench",
        "--",
    ]);
    let target = workspace::target();
    // A verb has arguments of its own.
    if arguments.first().is_none_or(|first| first.starts_with('-')) {
        bench.arg("--command").arg(target.join("release/stonekeep"));
        bench.arg("--dir").arg(target.join("bench"));
    }
    workspace::run(bench.args(arguments))
}
