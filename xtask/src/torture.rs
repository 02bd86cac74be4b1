//! `cargo xtask torture`: the machines that try to break promises, for any time.

use std::path::Path;

use crate::{fuzzing, workspace};

/// Where thousands of small repositories are made without wearing a disk out.
const MEMORY: &str = "/dev/shm";

/// What is no machine of the crate.
const FUZZ: &str = "fuzz";
/// Machines that run the real command. What they do needs a disk, but for one.
const OF_THE_COMMAND: [&str; 4] = ["kills", "kills-s3", "power", STRANGERS];
/// It needs no disk.
const STRANGERS: &str = "strangers";
/// Where they find it.
const COMMAND: &str = "STONEKEEP_TEST_COMMAND";

/// Runs a machine with these arguments, in release.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let machine = arguments.first().map(String::as_str).unwrap_or_default();
    if machine == FUZZ {
        return fuzzing::run(&arguments[1..]);
    }
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
    }
    let needs_disk = is_of_command && machine != STRANGERS;
    if !needs_disk && std::env::var_os("TMPDIR").is_none() && Path::new(MEMORY).is_dir() {
        torture.env("TMPDIR", MEMORY);
    }
    workspace::run(torture.args(arguments))
}
