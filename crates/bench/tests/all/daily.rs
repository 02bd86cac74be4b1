//! Scenarios of what runs every day, on little data, beside restic and rustic where they are installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use stonekeep_testkit::skip;

#[test]
fn every_scenario_runs() {
    let test = "daily::every_scenario_runs";
    let stonekeep = Path::new(env!("CARGO_BIN_EXE_stonekeep-bench")).with_file_name("stonekeep");
    let found = stonekeep.exists().then_some(stonekeep);
    let Some(command) = skip::unless(found, test, "needs the command: cargo build").unwrap() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"));
    bench
        .args(["daily", "--tiny", "--rounds", "1", "--command"])
        .arg(command);
    bench.args([&"--mem".into(), &directory.path().join("mem")]);
    bench.args([&"--dir".into(), &directory.path().join("disk")]);
    bench.args([&"--json".into(), &directory.path().join("json")]);
    for name in ["restic", "rustic"] {
        if let Some(program) = std::env::var_os(format!("STONEKEEP_TEST_{}", name.to_uppercase())) {
            bench.arg(format!("--{name}")).arg(program);
        }
    }
    let sst_dump = Path::new("/usr/bin/sst_dump");
    if sst_dump.exists() {
        bench.arg("--sst-dump").arg(sst_dump);
    }
    let output = bench.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("json")).unwrap()).unwrap();
    let comparisons = json["comparisons"].as_array().unwrap().iter();
    let names: Vec<_> = comparisons
        .map(|comparison| comparison["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "memory/many/unchanged",
            "memory/several/paced",
            "memory/several/unlimited",
            "memory/files-large/full",
            "memory/files-large/unchanged",
            "memory/files-large/restore",
            "memory/files-large/changed",
            "memory/files-small/full",
            "memory/files-small/unchanged",
            "memory/files-small/restore",
            "memory/files-small/changed",
            "memory/files-aged/prune",
            "memory/deep/snappy",
            "memory/deep/lz4",
            "memory/deep/zstd",
            "disk/deep/cold",
        ]
    );
}
