//! The system calls by which a command changes files, recorded with strace, and what a power failure may leave of them.
//!
//! - [`record`] runs a command and yields its [operations](Operation): typed, in the order in which they ended, with whole
//!   paths and all bytes that were written, so that they can be replayed without the command.
//! - [`Disk`] replays them. It knows what is there now and what is durable: content after `fsync`, `fdatasync` or
//!   `syncfs` of the file, a name after `fsync` of its directory or `syncfs`. A sync covers what had ended when it began.
//! - [`Disk::after_power_failure`] yields what may be found after a power failure: what is durable, and of the rest
//!   what [`Survivors`] says.

mod call;
mod disk;
mod operation;

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub use disk::{Disk, Files, Survivors};
pub use operation::{Action, Operation};

/// Calls that change files or make changes durable, and those by which descriptors get their positions.
const CALLS: &str = "chdir,fchdir,open,openat,creat,lseek,write,pwrite64,writev,pwritev,pwritev2,sendfile,splice,copy_file_range,\
                     truncate,ftruncate,fallocate,ioctl,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,\
                     unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,syncfs,sync";

/// What a command did.
#[derive(Debug)]
pub struct Recorded {
    /// Its changes below the root.
    pub operations: Vec<Operation>,
    /// What it wrote, and how it ended.
    pub output: Output,
}

/// Why nothing can be recorded here: strace is missing, or not allowed.
pub fn obstacle() -> Option<String> {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "strace fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("strace is not here: {error}")),
    }
}

/// Runs a command, and yields what it changed below the root, which must be a path without links.
///
/// # Errors
/// Where strace cannot be run, or what it writes is not understood.
pub fn record(command: &Command, root: &Path) -> Result<Recorded> {
    run(command, root, &[])
}

/// The same for a command that is killed when it makes this system call for the `nth` time, counted from 1.
///
/// # Errors
/// As [`record`].
pub fn record_killed(command: &Command, root: &Path, call: &str, nth: usize) -> Result<Recorded> {
    run(
        command,
        root,
        &[format!("--inject={call}:signal=KILL:when={nth}")],
    )
}

/// The lines that strace writes of these calls of a command, for what the operations do not contain.
///
/// # Errors
/// As [`record`].
pub fn lines(command: &Command, calls: &str) -> Result<(Vec<String>, Output)> {
    let (log, output) = strace(command, calls, &["--string-limit=0".to_owned()])?;
    let lines = call::whole_lines(&log)?.into_iter().map(|(line, _)| line);
    Ok((lines.collect(), output))
}

fn run(command: &Command, root: &Path, further: &[String]) -> Result<Recorded> {
    let mut options = vec!["--string-limit=100000000".to_owned(), "-xx".to_owned()];
    options.extend_from_slice(further);
    let (log, output) = strace(command, CALLS, &options)?;
    let directory = match command.get_current_dir() {
        Some(directory) => directory.to_owned(),
        None => std::env::current_dir()?,
    };
    let mut reader = operation::Reader::new(root, directory);
    for (line, began) in call::whole_lines(&log)? {
        reader.read(call::call(&line, began)?)?;
    }
    let operations = reader.into_operations();
    Ok(Recorded { operations, output })
}

fn strace(command: &Command, calls: &str, options: &[String]) -> Result<(String, Output)> {
    let log = tempfile::NamedTempFile::new()?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--decode-fds=path", "--signal=none"]);
    strace
        .args(options)
        .arg(format!("--trace={calls}"))
        .arg("-o")
        .arg(log.path());
    let output = under(strace, command)?;
    let log = std::fs::read_to_string(log.path())?;
    Ok((log, output))
}

/// Runs a command under strace, which has its own options already, in the environment and the directory of the command.
///
/// # Errors
/// If strace cannot be started.
pub fn under(mut strace: Command, command: &Command) -> std::io::Result<Output> {
    strace
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        strace.current_dir(directory);
    }
    strace.stdin(Stdio::null()).output()
}

/// Everything below a directory, by its path from there.
///
/// # Errors
/// I/O errors.
pub fn files_below(root: &Path) -> Result<Files> {
    let mut files = Files::default();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                files.directories.insert(path.clone());
                directories.push(path);
            } else {
                files.contents.insert(path, std::fs::read(entry.path())?.into());
            }
        }
    }
    Ok(files)
}
