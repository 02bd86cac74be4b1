//! `cargo xtask mutants`: small faults put into `repo` and `engine`, one at a time; each must make a test fail.

use std::process::Command;

use crate::workspace;

const USAGE: &str = "usage: cargo xtask mutants --shard K/N [arguments of cargo mutants]";

/// Tries one of N equal parts of all faults, which `K` numbers from 0. All parts are hours of work.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let [option, shard, rest @ ..] = arguments else {
        return Err(USAGE.to_owned());
    };
    if option != "--shard" || !is_shard(shard) {
        return Err(USAGE.to_owned());
    }
    if !answers() {
        return Err("cargo mutants is needed: cargo install cargo-mutants --locked".to_owned());
    }
    let mut mutants = workspace::cargo();
    mutants
        .args(["mutants", "--package", "stonekeep", "--shard", shard])
        // Each part has faults of all files.
        .args(["--sharding", "round-robin"])
        .args(rest)
        // A fault changes one file: the rest of the package is as it was built for the last one.
        .env("CARGO_INCREMENTAL", "1")
        .env_remove("STONEKEEP_NO_SKIP");
    workspace::run(&mut mutants)
}

/// `K/N`, with K below N.
fn is_shard(text: &str) -> bool {
    let numbers = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.parse::<u32>().ok()?, n.parse::<u32>().ok()?)));
    numbers.is_some_and(|(k, n)| k < n)
}

fn answers() -> bool {
    let mut version: Command = workspace::cargo();
    version.args(["mutants", "--version"]);
    workspace::output(&mut version).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_as_many_as_there_are() {
        assert!(is_shard("0/8") && is_shard("7/8"));
        assert!(!is_shard("8/8") && !is_shard("8") && !is_shard("a/b"));
    }
}
