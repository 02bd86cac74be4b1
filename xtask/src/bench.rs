//! `cargo xtask bench`: Stonekeep measured beside RocksDB's engine and a bare copy.

use std::path::PathBuf;
use std::process::Command;

use crate::{peers, proof, workspace};

/// Shows the figures of a RocksDB that uses the processor's CRC-32C, too.
const WITH_CRC32C: &str = "--rocksdb-with-crc32c";

/// Set to a directory with RocksDB's library compiled for the processor's CRC-32C, it saves compiling it.
const CRC32C_LIBRARY: &str = "ROCKSDB_CRC32C_LIB_DIR";

/// What makes the `rocksdb` crate compile RocksDB for the processor's CRC-32C.
const CRC32C_FLAGS: &str = if cfg!(target_arch = "aarch64") {
    "-C target-feature=+crc,+aes"
} else {
    "-C target-feature=+sse4.2,+pclmulqdq"
};

/// Repositories on servers, beside another program.
const REMOTE: &str = "remote";

/// What runs every day, beside other programs.
const DAILY: &str = "daily";

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
    let stonekeep = target.join("release/stonekeep");
    // A verb has arguments of its own.
    let (verb, arguments) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (Some(first.as_str()), rest),
        _ => (None, arguments),
    };
    bench.args(verb);
    match verb {
        None => {
            bench.arg("--command").arg(stonekeep);
            bench.arg("--dir").arg(target.join("bench"));
        }
        Some(REMOTE) => {
            bench.arg("--command").arg(stonekeep);
            add(&mut bench, "--eat-rocks", peers::eat_rocks());
        }
        Some(DAILY) => {
            bench.arg("--command").arg(stonekeep);
            add(&mut bench, "--restic", peers::restic());
            add(&mut bench, "--rustic", peers::rustic());
            add(&mut bench, "--sst-dump", peers::sst_dump());
        }
        Some(_) => {}
    }
    if arguments.iter().any(|argument| argument == WITH_CRC32C) {
        bench.arg("--crc32c-bench").arg(build_with_crc32c()?);
    }
    let passed_on = arguments.iter().filter(|argument| *argument != WITH_CRC32C);
    workspace::run(bench.args(passed_on))
}

/// Adds an option for a program that is there.
fn add(bench: &mut Command, option: &str, program: Option<PathBuf>) {
    if let Some(program) = program {
        bench.arg(option).arg(program);
    }
}

/// Builds the bench once more, with another RocksDB, in a directory of its own.
fn build_with_crc32c() -> Result<PathBuf, String> {
    let target = workspace::target().join("crc32c");
    let mut build = workspace::cargo();
    build
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "stonekeep-bench",
            "--target-dir",
        ])
        .arg(&target)
        .env("RUSTFLAGS", CRC32C_FLAGS);
    match std::env::var_os(CRC32C_LIBRARY) {
        Some(library) => build.env("ROCKSDB_LIB_DIR", library),
        None => build.env_remove("ROCKSDB_LIB_DIR"),
    };
    workspace::run(&mut build)?;
    Ok(target.join("release/stonekeep-bench"))
}
