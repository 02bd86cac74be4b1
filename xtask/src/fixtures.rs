//! `cargo xtask fixtures`: rewrites committed data with real engines.

use std::fs;
use std::io::ErrorKind;

use crate::{prerequisites, proof, workspace};

/// Makes the demo's sample, the named fixtures, or with no name all fixtures.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    proof::require_build_tools()?;
    if names == ["sample"] {
        return sample();
    }
    for missing in prerequisites::wanted().into_iter().chain(prerequisites::java()) {
        println!("note: {missing}");
    }
    workspace::run(maker("make_fixtures").args(names))
}

/// Both states together: they are states of one database.
fn sample() -> Result<(), String> {
    let target = workspace::root().join("crates/cli/sample");
    for state in ["state1", "state2"] {
        let state = target.join(state);
        match fs::remove_dir_all(&state) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", state.display()));
            }
            _ => {}
        }
    }
    workspace::run(maker("make_sample").arg(target))
}

fn maker(binary: &str) -> std::process::Command {
    let mut command = workspace::cargo();
    command.args([
        "run",
        "--quiet",
        "--package",
        "stonekeep-proof",
        "--bin",
        binary,
        "--",
    ]);
    command
}
