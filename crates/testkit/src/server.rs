//! Servers of stores that tests start: `STONEKEEP_TEST_SERVERS` is the directory of the programs that start them.
//!
//! Each program is named after a kind of server. `PROGRAM start DIRECTORY` starts one whose files are in that directory, and writes
//! `export NAME='value'` lines; exit code 69 says that this machine cannot have it, and the last line of its errors why.
//! `PROGRAM stop DIRECTORY` ends it. `STONEKEEP_TEST_SERVER_KINDS` names the kinds to start, with spaces between them; without it
//! all kinds are.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::skip;

/// The directory of the programs, or `none`.
pub const SERVERS: &str = "STONEKEEP_TEST_SERVERS";
/// The kinds of servers that this machine starts.
pub const KINDS: &str = "STONEKEEP_TEST_SERVER_KINDS";
/// The URL of a bucket, which the tests of object stores use.
pub const BUCKET: &str = "STONEKEEP_TEST_S3";

/// Between two looks whether a server has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What a program says that cannot have its server here.
const UNAVAILABLE: i32 = 69;

/// A server, which ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl Server {
    /// Starts a server for a test; `None`, after a note, where there is none.
    ///
    /// # Errors
    /// Of a server that could be started and was not, and where skips are forbidden.
    pub fn start(test: &str, kind: &str) -> io::Result<Option<Self>> {
        let Some(programs) = programs(test, kind)? else {
            return Ok(None);
        };
        let (program, directory) = (programs.join(kind), TempDir::new()?);
        let started = start(&program, &directory)?;
        if started.status.code() == Some(UNAVAILABLE) {
            skip::because(test, last_line(&started))?;
            return Ok(None);
        }
        let server = Server {
            variables: exports(&started),
            program,
            directory,
        };
        if started.status.success() && !server.variables.is_empty() {
            return Ok(Some(server));
        }
        let why = format!(
            "{kind} did not start: {}",
            String::from_utf8_lossy(&started.stderr)
        );
        Err(io::Error::other(why))
    }

    /// What tells a client where the server is, and with which credentials: names and values of environment variables.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Kills the server's process; its files stay.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn kill(&self) -> io::Result<()> {
        let text = std::fs::read_to_string(self.directory.path().join("pid"))?;
        let pid = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
        let pid = pid.and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        kill_process(pid, Signal::KILL)?;
        // It is gone when it has no executable any more; nobody else may have waited for it yet.
        let executable = format!("/proc/{}/exe", pid.as_raw_nonzero());
        while std::fs::read_link(&executable).is_ok() {
            thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }

    /// Starts a killed server again, with its files and at its address.
    ///
    /// # Errors
    /// Where it does not start, or not at its address.
    pub fn start_again(&self) -> io::Result<()> {
        let started = start(&self.program, &self.directory)?;
        if exports(&started) == self.variables {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&started.stderr).into_owned();
        Err(io::Error::other(why))
    }

    /// The URL of the bucket that the server has.
    pub fn bucket(&self) -> Option<String> {
        let of = |name: &str, scheme: &str| {
            let found = self.variables.iter().find(|(variable, _)| variable == name)?;
            Some(format!("{scheme}://{}", found.1))
        };
        of("AWS_BUCKET", "s3").or_else(|| of("AZURE_CONTAINER_NAME", "az"))
    }

    /// Runs tests of this very program again, in an environment where the server is the one for tests of object stores.
    ///
    /// # Panics
    /// If one of them fails or is not there.
    pub fn runs(&self, tests: &[&str]) {
        self.runs_with(&[], tests);
    }

    /// The same, with these variables where they are not set.
    ///
    /// # Panics
    /// As [`Server::runs`].
    pub fn runs_with(&self, defaults: &[(&str, &str)], tests: &[&str]) {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .args(tests);
        command.env(BUCKET, self.bucket().expect("a server with a bucket"));
        for (name, value) in defaults {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let ended = command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output();
        let ended = ended.expect("running this program");
        let (out, err) = (
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr),
        );
        let all = format!("{} passed", tests.len());
        let skipped = err.contains("skipped: ");
        assert!(
            ended.status.success() && out.contains(&all) && !skipped,
            "{}: {out}\n{err}",
            self.program.display()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = Command::new(&self.program)
            .arg("stop")
            .arg(self.directory.path())
            .output();
        drop(stop);
    }
}

fn start(program: &Path, directory: &TempDir) -> io::Result<Output> {
    Command::new(program).arg("start").arg(directory.path()).output()
}

/// The directory of the programs, where this kind is to be started.
fn programs(test: &str, kind: &str) -> io::Result<Option<PathBuf>> {
    let needed = format!("needs the program {kind} in the directory {SERVERS}");
    let directory = std::env::var(SERVERS).unwrap_or_default();
    let kinds = std::env::var(KINDS).ok();
    let is_wanted = kinds.is_none_or(|kinds| kinds.split_whitespace().any(|wanted| wanted == kind));
    if directory == "none" || (!directory.is_empty() && !is_wanted) {
        // This machine can have none.
        writeln!(io::stderr(), "skipped: {test}: {needed}, and in {KINDS}")?;
    } else if !Path::new(&directory).join(kind).is_file() || directory.is_empty() {
        skip::because(test, &needed)?;
    } else {
        return Ok(Some(PathBuf::from(directory)));
    }
    Ok(None)
}

fn exports(started: &Output) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&started.stdout);
    let export = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(export).collect()
}

fn last_line(started: &Output) -> &str {
    let text = std::str::from_utf8(&started.stderr).unwrap_or_default();
    text.trim_end().lines().last().unwrap_or_default()
}
