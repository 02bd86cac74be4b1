//! `cargo xtask proof`: Stonekeep against real RocksDB.

use std::fs;

use crate::{prerequisites, workspace};

/// Set to `1`, it makes a test that cannot run a failure; .ci/run does.
const NO_SKIP: &str = "STONEKEEP_NO_SKIP";
/// Where the tests write what they skip (crates/proof/src/skip.rs).
const SKIP_LOG: &str = "STONEKEEP_SKIP_LOG";

/// One run of `cargo test`.
struct Run {
    package: &'static str,
    more: &'static [&'static str],
    /// What is run of it, where the caller does not say.
    tests: &'static [&'static str],
}

/// Which handles of the `rocksdb` crate show RocksDB's pointer depends on its feature `multi-threaded-cf`, so there is a
/// second run for those that show it only then.
const RUNS: [Run; 3] = [
    Run {
        package: "stonekeep-proof",
        more: &[],
        tests: &[],
    },
    Run {
        package: "stonekeep-rocksdb",
        more: &[],
        tests: &[],
    },
    Run {
        package: "stonekeep-rocksdb",
        more: &["--features", "multi-threaded-cf", "--test", "all"],
        tests: &["through_a_db"],
    },
];

/// Runs the tests that link RocksDB, with these further arguments of `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    require_build_tools()?;
    for missing in prerequisites::wanted() {
        println!("note: {missing}");
    }
    warn_of_long_build("debug");
    let log = workspace::target().join("proof-skipped.txt");
    let _ = fs::remove_file(&log);
    let outcome = RUNS.iter().try_for_each(|run| {
        let mut tests = workspace::cargo();
        tests.args(["test", "--package", run.package]).args(run.more);
        if arguments.is_empty() {
            tests.args(run.tests)
        } else {
            tests.args(arguments)
        };
        workspace::run(tests.env(SKIP_LOG, &log))
    });
    let skipped = fs::read_to_string(&log).unwrap_or_default();
    println!("{}", summary(&skipped));
    outcome
}

/// Nothing if the proof crate can be built.
pub(crate) fn require_build_tools() -> Result<(), String> {
    let missing = prerequisites::needed();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|missing| format!("\n  {missing}")).collect();
    Err(format!("real RocksDB cannot be built here{}", lines.concat()))
}

/// A note where cargo has not built RocksDB yet, in this directory of its target directory.
pub(crate) fn warn_of_long_build(profile: &str) {
    let prebuilt = std::env::var_os("ROCKSDB_LIB_DIR").is_some();
    if !prebuilt
        && !workspace::target()
            .join(profile)
            .join("deps")
            .read_dir()
            .into_iter()
            .flatten()
            .flatten()
            .any(is_bindings)
    {
        println!(
            "note: the first run compiles RocksDB, which takes about half an hour of processor time; later runs reuse it"
        );
    }
}

fn is_bindings(entry: fs::DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    name.starts_with("liblibrocksdb_sys-") && name.ends_with(".rlib")
}

fn summary(skipped: &str) -> String {
    let lines: Vec<_> = skipped.lines().map(|line| format!("\n  {line}")).collect();
    match lines.len() {
        0 => "proof: nothing was skipped".to_owned(),
        count => format!(
            "proof: skipped {count} ({NO_SKIP}=1 makes this a failure){}",
            lines.concat()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_counted_with_their_reasons() {
        assert_eq!(summary(""), "proof: nothing was skipped");
        let text = summary("a: no ldb\nb: no ldb\n");
        assert_eq!(
            text,
            "proof: skipped 2 (STONEKEEP_NO_SKIP=1 makes this a failure)\n  a: no ldb\n  b: no ldb"
        );
    }
}
