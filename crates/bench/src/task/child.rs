//! Runs a job in a child process of this program, to measure its costs alone.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Done, Job, Task};
use crate::strace::{self, Counts};

/// Whether system calls can be counted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Counting {
    /// With `strace`.
    Possible,
    /// Why not.
    Skipped(String),
}

impl Counting {
    /// Tries it.
    pub(crate) fn find() -> Self {
        let tried = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .output();
        match tried {
            Ok(output) if output.status.success() => Counting::Possible,
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr);
                Counting::Skipped(format!("strace cannot trace here: {}", reason.trim()))
            }
            Err(error) => Counting::Skipped(format!("there is no strace here: {error}")),
        }
    }
}

/// Does a job in a child process of this program.
///
/// # Errors
/// Those of the job.
pub(crate) fn run(job: &Job) -> Result<Done> {
    run_by(None, job)
}

/// Does a job in a child process of another build of this program, if one is given.
///
/// # Errors
/// Those of the job.
pub(crate) fn run_by(program: Option<&Path>, job: &Job) -> Result<Done> {
    finish(Command::new(path_of(program)?), job)
}

/// Whether RocksDB in another build of this program uses the processor's CRC-32C, in RocksDB's words.
///
/// # Errors
/// Those of starting it.
pub(crate) fn crc32c_of(program: &Path) -> Result<String> {
    let output = Command::new(program)
        .arg("crc32c")
        .output()
        .with_context(|| format!("starting {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn path_of(program: Option<&Path>) -> Result<PathBuf> {
    match program {
        Some(program) => Ok(program.to_owned()),
        None => Ok(std::env::current_exe()?),
    }
}

/// Does a job once more, and counts its system calls. The figures of such a run are worth nothing.
///
/// # Errors
/// Those of the job.
pub(crate) fn count(program: Option<&Path>, job: &Job) -> Result<Counts> {
    let log = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("strace");
    // Paths are written whole, whatever -s says.
    command.args(["-f", "-qq", "-s", "0", "-e", "signal=none"]);
    let mut job = job.clone();
    if let Task::Capture { times, .. } = &mut job.task {
        *times = 1;
        // The process that writes the database is not to be counted.
        command.args(["-b", "execve"]);
    }
    command.arg("-o").arg(log.path()).arg(path_of(program)?);
    finish(command, &job)?;
    let text = fs::read_to_string(log.path()).context("reading what strace wrote")?;
    strace::counts(&text)
}

fn finish(mut command: Command, job: &Job) -> Result<Done> {
    let mut child = command
        .arg("work")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", Path::new(command.get_program()).display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(job)?)?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{job:?}: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{job:?} said something else"))
}
