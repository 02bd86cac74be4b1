//! `cargo xtask crashes`: the crash tests, each stopping at every step of what it interrupts.

use crate::workspace;

/// See `stonekeep_testkit::step_sample`, which reads it.
const ALL_STEPS: &str = "STONEKEEP_ALL_STEPS";

/// Runs every crash test of the library in full, with these further arguments of the test program.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut tests = workspace::cargo();
    tests.env(ALL_STEPS, "1").args([
        "test",
        "--locked",
        "--no-fail-fast",
        "--package",
        "stonekeep",
        "--test",
        "all",
        "--",
        "crash",
        "power",
        "keep_old",
    ]);
    workspace::run(tests.args(arguments))
}
