//! Scenarios on servers: on little data where there is a server, and skipped with the reason where there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stonekeep_testkit::skip;

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The command, which the tests of its own crate build beside this program.
fn stonekeep() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_stonekeep-bench")).with_file_name("stonekeep");
    beside.exists().then_some(beside)
}

/// Runs everything on one kind of server on little data; `None`, after a note, without one.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn on_server(test: &str, variable: &str, only: &str) -> Option<(Output, serde_json::Value)> {
    match std::env::var(variable).unwrap_or_default().as_str() {
        // This machine can have none.
        "none" => {
            eprintln!("skipped: {test}: needs {variable}");
            return None;
        }
        "" => {
            skip::because(test, &format!("needs {variable}")).unwrap();
            return None;
        }
        _ => {}
    }
    let command = skip::unless(stonekeep(), test, "needs the command: cargo build").unwrap()?;
    let directory = tempfile::tempdir().unwrap();
    let output = bench()
        .args(["remote", "--tiny", "--rounds", "1", "--only", only, "--command"])
        .arg(command)
        .args([&"--mem".into(), &directory.path().join("mem")])
        .args([&"--json".into(), &directory.path().join("json")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json = fs::read(directory.path().join("json")).unwrap();
    assert_eq!(
        fs::read_dir(directory.path().join("mem")).unwrap().count(),
        0,
        "{only}"
    );
    Some((output, serde_json::from_slice(&json).unwrap()))
}

#[test]
fn every_scenario_runs_on_an_s3_server() {
    let test = "every_scenario_runs_on_an_s3_server";
    let Some((output, json)) = on_server(test, "STONEKEEP_TEST_S3", "s3/") else {
        return;
    };
    let text = text(&output.stdout);
    let names = [
        "s3/command/start",
        "s3/large/push",
        "s3/large/restore",
        "s3/large/push-32",
        "s3/large/restore-32",
        "s3/small/push",
        "s3/small/restore",
        "s3/small/unchanged",
        "s3/listed/list",
        "s3/far-small/push",
        "s3/far-small/restore",
        "s3/far-one/push",
        "s3/far-one/restore",
    ];
    for name in names {
        assert!(text.contains(&format!("### {name}\n")), "{name}: {text}");
    }
    assert!(
        text.contains("eat-rocks: skipped: there is no --eat-rocks FILE"),
        "{text}"
    );
    let comparisons = json["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), names.len());
    assert_eq!(comparisons[1]["rows"][1]["who"], "bare client");
    let ratio = &comparisons[1]["judgements"][0];
    assert!(ratio["seen"].as_f64().unwrap() > 0.0, "{ratio}");
}

#[test]
fn every_scenario_runs_in_hdfs() {
    let test = "every_scenario_runs_in_hdfs";
    let Some((output, json)) = on_server(test, "STONEKEEP_TEST_HDFS", "hdfs/") else {
        return;
    };
    let text = text(&output.stdout);
    for name in [
        "hdfs/small/push",
        "hdfs/small/restore",
        "hdfs/large/push",
        "hdfs/large/restore",
    ] {
        assert!(text.contains(&format!("### {name}\n")), "{name}: {text}");
    }
    assert_eq!(json["comparisons"][0]["rows"][1]["who"], "hdfs dfs");
}

#[test]
fn without_a_server_its_scenarios_are_skipped_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let output = bench()
        .args([
            "remote",
            "--tiny",
            "--rounds",
            "1",
            "--command",
            "/bin/true",
            "--mem",
        ])
        .arg(directory.path())
        .env_remove("STONEKEEP_TEST_S3")
        .env("STONEKEEP_TEST_HDFS", "none")
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for line in [
        "s3: skipped: there is no STONEKEEP_TEST_S3=s3://BUCKET/PREFIX",
        "hdfs: skipped: there is no STONEKEEP_TEST_HDFS=hdfs://HOST:PORT/PATH",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_run_that_fails_leaves_the_results_before_that() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let output = bench()
        .args([
            "--tiny",
            "--rounds",
            "1",
            "--no-counts",
            "--command",
            "/bin/false",
        ])
        .args([
            "--only",
            "memory/listed-5/latest",
            "--only",
            "memory/command/start",
        ])
        .args([&"--mem".into(), &path("mem"), &"--dir".into(), &path("dir")])
        .args([&"--json".into(), &path("json")])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = text(&output.stdout);
    assert!(said.contains("### memory/listed-5/latest\n"), "{said}");
    assert!(!said.contains("### memory/command/start\n"), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path("json")).unwrap()).unwrap();
    assert_eq!(json["comparisons"].as_array().unwrap().len(), 1);
}
