//! Runs the command, and tells how it has ended and how much memory it had at most.
//!
//! The kernel counts the peak of a process (`ru_maxrss`), and gives it to the parent that waits for it. A new process begins with
//! the memory of its parent, which counts, too. So a small process stands in between: this very program, with the word
//! [`WORD`]. It does nothing else than to start the command, to wait, and to write down what `getrusage(RUSAGE_CHILDREN)` says. That is
//! exact, and includes what was shared, such as the pages of the program. Less than the small process itself has is not seen.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};

use crate::binary::without_settings;

/// The first argument of the program when it is the process in between.
pub const WORD: &str = "measured";

/// Nobody is to bring the machine down: beyond this, allocations fail.
const ADDRESS_SPACE_BYTES: u64 = 8 << 30;

/// How a command is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Another user than this process's.
    pub(super) user: Option<u32>,
    /// When it is asked to end (SIGTERM), if it would read for hours.
    pub(super) ask_after: Option<Duration>,
    /// How long it is waited for; after that it is killed, and has not ended by itself.
    pub(super) patience: Duration,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Measured {
    /// The exit code; none after a signal.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) peak_kib: u64,
    /// Whether it had to be killed.
    pub(super) is_late: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs a program with these words. `report` is a file for what the process in between has to say.
pub(super) fn run(
    between: &Path,
    report: &Path,
    how: How,
    program: &Path,
    words: &[OsString],
    temporary: &Path,
) -> Result<Measured> {
    let milliseconds = |time: Duration| OsString::from(time.as_millis().to_string());
    let mut command = Command::new(between);
    without_settings(&mut command);
    command
        .env("TMPDIR", temporary)
        .arg(WORD)
        .arg(report)
        .arg(
            how.user
                .map_or(OsString::from("-"), |user| user.to_string().into()),
        )
        .arg(how.ask_after.map_or(OsString::from("-"), milliseconds))
        .arg(milliseconds(how.patience))
        .arg(program)
        .args(words)
        .stdin(Stdio::null());
    let output = command.output().with_context(|| between.display().to_string())?;
    let said = fs::read_to_string(report);
    let said = said.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let numbers: Vec<i64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [code, signal, peak_kib, is_late] = numbers[..] else {
        anyhow::bail!("the process in between says {said:?}");
    };
    let known = |number: i64| i32::try_from(number).ok().filter(|number| *number >= 0);
    Ok(Measured {
        code: known(code),
        signal: known(signal),
        peak_kib: peak_kib.unsigned_abs(),
        is_late: is_late == 1,
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

/// The process in between, with the arguments after [`WORD`].
///
/// # Errors
/// If the program cannot be started, or nothing can be written down.
pub fn between(arguments: &[OsString]) -> Result<()> {
    let [report, user, ask_after, patience, program, words @ ..] = arguments else {
        anyhow::bail!("the process in between lacks arguments");
    };
    let number = |text: &OsStr| text.to_string_lossy().parse::<u64>().ok();
    let limit = Rlimit {
        current: Some(ADDRESS_SPACE_BYTES),
        maximum: Some(ADDRESS_SPACE_BYTES),
    };
    setrlimit(Resource::As, limit)?;
    let mut command = Command::new(program);
    command.args(words);
    if let Some(user) = number(user) {
        let user = u32::try_from(user)?;
        command.uid(user).gid(user);
    }
    let mut child = command.spawn().with_context(|| format!("starting {program:?}"))?;
    let pid = Pid::from_child(&child);
    let (has_ended, is_late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (ended, late) = (Arc::clone(&has_ended), Arc::clone(&is_late));
    let ask_after = number(ask_after).map(Duration::from_millis);
    let patience = Duration::from_millis(number(patience).context("no patience")?);
    thread::spawn(move || {
        let end = |after: Duration, signal: Signal| {
            thread::sleep(after);
            !ended.load(Ordering::SeqCst) && kill_process(pid, signal).is_ok()
        };
        if ask_after.is_none_or(|after| end(after, Signal::TERM)) && end(patience, Signal::KILL) {
            late.store(true, Ordering::SeqCst);
        }
    });
    let status = child.wait()?;
    has_ended.store(true, Ordering::SeqCst);
    let peak_kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    ensure!(peak_kib > 0, "the kernel counts no memory");
    let (code, signal) = (status.code().unwrap_or(-1), status.signal().unwrap_or(-1));
    let is_late = u8::from(is_late.load(Ordering::SeqCst));
    fs::write(report, format!("{code} {signal} {peak_kib} {is_late}"))?;
    Ok(())
}
