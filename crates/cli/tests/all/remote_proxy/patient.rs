//! Runs a command that may take long, and fails if it never ends.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::Ended;

/// Longer than any command repeats its requests: what takes more time hangs.
const LIMIT: Duration = Duration::from_secs(1800);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Runs it to its end. What it prints goes to files in a directory.
pub(super) fn run(mut command: Command, within: &Path) -> Ended {
    let (out, err) = (within.join("stdout"), within.join("stderr"));
    let mut child = command
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!(
                "it hangs: {command:?}: {:?}",
                std::fs::read_to_string(&err).unwrap()
            );
        }
        thread::sleep(BETWEEN_LOOKS);
    };
    Ended {
        code: status.code(),
        stdout: std::fs::read_to_string(&out).unwrap(),
        stderr: std::fs::read_to_string(&err).unwrap(),
    }
}

/// The document of a command that was told to print JSON, after the checks that hold for each: it ended by itself, with one
/// of the known codes, and an error says what went wrong and shows no secret.
pub(super) fn document(ended: &Ended) -> Value {
    let code = ended.code.unwrap_or(-1);
    assert!((0..=5).contains(&code) && code != 2, "{ended:?}");
    let document = serde_json::from_str(&ended.stdout);
    let document: Value = document.unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    for secret in ["X-Amz-", "AWS4-HMAC", "panicked"] {
        let is_there = ended.stdout.contains(secret) || ended.stderr.contains(secret);
        assert!(!is_there, "{secret}: {ended:?}");
    }
    if let Some(key) = std::env::var_os("AWS_SECRET_ACCESS_KEY") {
        let key = key.to_string_lossy();
        assert!(!ended.stdout.contains(&*key) && !ended.stderr.contains(&*key));
    }
    document
}
