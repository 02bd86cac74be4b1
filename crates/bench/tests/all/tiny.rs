//! Every scenario runs on little data.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn every_scenario_runs_on_little_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"))
        .args(["--tiny", "--rounds", "1", "--no-counts"])
        .args([&"--mem".into(), &path("mem"), &"--dir".into(), &path("dir")])
        .args([&"--json".into(), &path("json"), &"--svg".into(), &path("svg")])
        // Any command will do that knows --version.
        .args(["--command", "/bin/cat"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let names = [
        "memory/large/backup",
        "memory/small/incremental",
        "memory/small/kept",
        "memory/small/workers",
        "memory/listed-10/list",
        "memory/hot/many-stored",
        "memory/wide/purge",
        "memory/command/start",
        "disk/small/restore",
        "disk/purged/purge",
    ];
    for name in names {
        assert!(text.contains(&format!("### {name}\n")), "{name}: {text}");
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path("json")).unwrap()).unwrap();
    let first = &json["comparisons"][0];
    assert_eq!(first["rows"][0]["who"], "stonekeep");
    assert!(first["rows"][0]["runs"][0]["wall_s"].as_f64().unwrap() > 0.0);
    assert!(fs::read_to_string(path("svg")).unwrap().ends_with("</svg>\n"));
    for place in ["mem", "dir"] {
        assert_eq!(fs::read_dir(path(place)).unwrap().count(), 0, "{place}");
    }
}

#[test]
fn prepared_data_can_be_measured() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let bench = || Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"));
    let prepared = bench()
        .arg("prepare")
        .arg(&data)
        .args(["--only", "memory/small/verify", "--tiny"])
        .output()
        .unwrap();
    let text = String::from_utf8(prepared.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "memory/small/verify, stonekeep:");
    assert_eq!(lines.len(), 4, "{text}");
    fs::write(directory.path().join("job"), lines[1]).unwrap();
    let done = bench()
        .arg("work")
        .stdin(fs::File::open(directory.path().join("job")).unwrap())
        .output()
        .unwrap();
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(done["items"].as_u64() > Some(120), "{done}");
}

#[test]
fn two_builds_of_the_command_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // Any command will do that ends well, where nothing has to be there afterwards.
    let output = Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"))
        .args(["--tiny", "--rounds", "1", "--no-counts", "--only", "against/list"])
        .args([&"--mem".into(), &path("mem"), &"--dir".into(), &path("dir")])
        .args(["--command", "/bin/true", "--against", "/bin/true"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for place in ["memory", "disk"] {
        assert!(
            text.contains(&format!("### {place}/against/list\n")),
            "{place}: {text}"
        );
    }
    for row in ["| stonekeep ", "| other build ", "| rocksdb 2 "] {
        assert!(text.contains(row), "{row}: {text}");
    }
}

/// Runs one scenario with a program as the other bench that says this of RocksDB.
fn with_crc32c_bench(says: &str) -> std::process::Output {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let bench = env!("CARGO_BIN_EXE_stonekeep-bench");
    let script = format!("#!/bin/sh\n[ \"$1\" = crc32c ] && echo '{says}' && exit\nexec '{bench}' \"$@\"\n");
    fs::write(path("other"), script).unwrap();
    fs::set_permissions(path("other"), fs::Permissions::from_mode(0o755)).unwrap();
    Command::new(bench)
        .args(["--tiny", "--rounds", "1", "--no-counts"])
        .args(["--only", "memory/listed-5/latest"])
        .args([&"--mem".into(), &path("mem"), &"--dir".into(), &path("dir")])
        .args([&"--crc32c-bench".into(), &path("other")])
        .output()
        .unwrap()
}

#[test]
fn a_rocksdb_with_the_processors_crc32c_takes_part() {
    let output = with_crc32c_bench("Supported on x86");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| rocksdb 2 crc32c |"), "{text}");
}

#[test]
fn a_rocksdb_without_the_processors_crc32c_is_not_taken_for_one_with_it() {
    let output = with_crc32c_bench("Not supported on x86");
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("Not supported on x86"), "{text}");
}
