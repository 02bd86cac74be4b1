//! Runs a program under a filter that answers chosen system calls with an error, as a container's filter does.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use crate::command::Ended;
use crate::world::World;

/// What the second process is to deny: `1:316,327;38:332`.
const DENIED: &str = "STONEKEEP_TEST_DENIED";
/// The file for its standard output, which the test harness would write to, too.
const STDOUT: &str = "STONEKEEP_TEST_STDOUT";
/// How many arguments it is to run the program with; they are in variables of this name and a number.
const ARGUMENT: &str = "STONEKEEP_TEST_ARGUMENT";

/// An error for these system calls.
pub(crate) struct Denied<'a>(pub(crate) i32, pub(crate) &'a [i64]);

/// Runs a program to its end, while these system calls are denied to it.
pub(crate) fn run(denied: &[Denied<'_>], command: &Command) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let stdout = directory.path().join("stdout");
    let mut filtered = Command::new(std::env::current_exe().unwrap());
    filtered.args(["filtered::the_filtered_process", "--exact", "--nocapture"]);
    let rules: Vec<String> = denied
        .iter()
        .map(|Denied(errno, calls)| {
            let calls: Vec<String> = calls.iter().map(i64::to_string).collect();
            format!("{errno}:{}", calls.join(","))
        })
        .collect();
    filtered.env(DENIED, rules.join(";")).env(STDOUT, &stdout);
    if let Some(directory) = command.get_current_dir() {
        filtered.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => filtered.env(name, value),
            None => filtered.env_remove(name),
        };
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    for (at, word) in words.enumerate() {
        filtered.env(format!("{ARGUMENT}{at}"), word);
    }
    let output = filtered.output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: std::fs::read_to_string(&stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the binary with each of these lines of words, one after the other, while these system calls are denied to it. Each
/// must end well.
#[track_caller]
pub(crate) fn run_each(world: &World, denied: &[Denied<'_>], lines: &[&str]) -> Ended {
    let binary = env!("CARGO_BIN_EXE_stonekeep");
    let script: Vec<String> = lines
        .iter()
        .map(|line| format!("'{binary}' {line} || {{ echo 'that was: {line}' >&2; exit 1; }}"))
        .collect();
    let mut command = Command::new("sh");
    command.arg("-c").arg(script.join("\n"));
    command
        .current_dir(world.path(""))
        .env("STONEKEEP_REPO", world.repo());
    run(denied, &command).ok()
}

/// Whether filters can be made for this processor.
pub(crate) fn can_filter() -> bool {
    seccompiler::TargetArch::try_from(std::env::consts::ARCH).is_ok()
}

/// The second process: applies the filter to itself and becomes the program. Does nothing in an ordinary run of the
/// tests.
#[test]
fn the_filtered_process() {
    let Ok(rules) = std::env::var(DENIED) else {
        return;
    };
    let mut words = (0..).map_while(|at| std::env::var_os(format!("{ARGUMENT}{at}")));
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .stdout(File::create(std::env::var_os(STDOUT).unwrap()).unwrap());
    for rule in rules.split(';').filter(|rule| !rule.is_empty()) {
        let (errno, calls) = rule.split_once(':').unwrap();
        apply_filter(&filter(errno.parse().unwrap(), calls)).unwrap();
    }
    panic!("the program could not be run: {}", command.exec());
}

fn filter(errno: u32, calls: &str) -> BpfProgram {
    let calls: BTreeMap<i64, Vec<_>> = calls
        .split(',')
        .map(|call| (call.parse().unwrap(), Vec::new()))
        .collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, SeccompAction::Errno(errno), arch);
    filter.unwrap().try_into().unwrap()
}
