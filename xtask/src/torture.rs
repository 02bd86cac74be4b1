//! `cargo xtask torture`: the machines that try to break promises, for any time.

use std::path::Path;

use crate::workspace;

/// Where thousands of small repositories are made without wearing a disk out.
const MEMORY: &str = "/dev/shm";

/// Machines that run the real command. What they do needs a disk.
const OF_THE_COMMAND: [&str; 3] = ["kills", "kills-s3", "power"];
/// Where they find it.
const COMMAND: &str = "STONEKEEP_TEST_COMMAND";

/// Runs a machine with these arguments, in release.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let machine = arguments.first().map(String::as_str).unwrap_or_default();
    let is_of_command = OF_THE_COMMAND.contains(&machine);
    let mut torture = workspace::cargo();
    torture.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "stonekeep-torture",
        "--",
    ]);
    if is_of_command {
        let mut build = workspace::cargo();
        workspace::run(build.args(["build", "--release", "--quiet", "--package", "stonekeep-cli"]))?;
        torture.env(COMMAND, workspace::target().join("release/stonekeep"));
    } else if std::env::var_os("TMPDIR").is_none() && Path::new(MEMORY).is_dir() {
        torture.env("TMPDIR", MEMORY);
    }
    workspace::run(torture.args(arguments))
}
