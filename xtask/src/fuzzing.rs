//! `cargo xtask torture fuzz`: each fuzz target for a while.

use std::process::Command;

use crate::workspace;

/// How long each target runs, unless it is said otherwise.
const MINUTES: u64 = 60;
/// What an input may take: seconds, and MiB in all and at once. The sanitizer's memory counts.
const LIMITS: [&str; 3] = ["-timeout=25", "-rss_limit_mb=1536", "-malloc_limit_mb=128"];

/// Runs every target, also after one has failed.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let minutes = match arguments {
        [] => MINUTES,
        [option, value] if option == "--minutes" => {
            value.parse().map_err(|_| format!("{value} is no number"))?
        }
        _ => return Err("usage: cargo xtask torture fuzz [--minutes <count>]".to_owned()),
    };
    let listed = nightly(&["list"]).output();
    let listed = listed.map_err(|error| format!("cannot run cargo: {error}"))?;
    if !listed.status.success() {
        let reason = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(format!(
            "{reason}\nfuzzing needs a nightly compiler (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz)"
        ));
    }
    let mut failed = Vec::new();
    for target in String::from_utf8_lossy(&listed.stdout).lines() {
        println!("== {target}, {minutes} minutes");
        if let Err(reason) = one(target, minutes) {
            println!("{target}: {reason}");
            failed.push(target.to_owned());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("failed: {}", failed.join(", ")))
}

/// Runs one target. Inputs are kept beside what cargo builds; those in `fuzz/seeds` are read only.
fn one(target: &str, minutes: u64) -> Result<(), String> {
    let corpus = workspace::target().join("fuzz-corpus").join(target);
    std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let mut fuzz = nightly(&["run", target]);
    fuzz.arg(&corpus);
    let seeds = workspace::root().join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        fuzz.arg(seeds);
    }
    fuzz.arg("--")
        .args(LIMITS)
        .arg(format!("-max_total_time={}", minutes.saturating_mul(60)))
        .args(["-verbosity=0", "-print_final_stats=1"]);
    workspace::run(&mut fuzz)
}

/// cargo-fuzz with the nightly compiler, whichever compiler runs this.
fn nightly(words: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    cargo
        .current_dir(workspace::root())
        .args(["+nightly", "fuzz"])
        .args(words);
    cargo
}
