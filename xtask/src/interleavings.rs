//! `cargo xtask interleavings`: the models of what threads share, each in thousands of orders (crates/stonekeep/src/sync.rs).

use std::process::Command;

use crate::workspace;

/// Only the library's unit tests are built for the scheduler, so that all packages that they need are those of other tests.
const BUILD: [&str; 9] = [
    "rustc",
    "--quiet",
    "--locked",
    "--package",
    "stonekeep",
    "--lib",
    "--profile",
    "test",
    "--message-format=json",
];

/// Runs the models whose names contain a filter, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if arguments.len() > 1 {
        return Err("usage: cargo xtask interleavings [filter]".to_owned());
    }
    let mut build = workspace::cargo();
    build.args(BUILD).args(["--", "--cfg", "shuttle"]);
    let executables = workspace::executables(&mut build)?;
    let Some(executable) = executables.first() else {
        return Err("cargo has built no tests".to_owned());
    };
    let mut models = Command::new(executable);
    workspace::run(models.arg(arguments.first().map_or("interleaved", String::as_str)))
}
