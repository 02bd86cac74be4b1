//! The system calls of a command, and a kill before one of them.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use fastrand::Rng;
use stonekeep_testkit::syscall_trace;

use crate::binary::Ended;

/// Calls that change files, make them durable, take locks or send requests. A system need not have those with `?`.
const CHANGES: [&str; 34] = [
    "?rename",
    "?renameat",
    "renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "?rmdir",
    "?mkdir",
    "mkdirat",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "?pwritev2",
    "copy_file_range",
    "sendfile",
    "fallocate",
    "ftruncate",
    "ioctl",
    "fsync",
    "fdatasync",
    "syncfs",
    "flock",
    "fcntl",
    "fchmod",
    "?fchmodat",
    "fchown",
    "fchownat",
    "utimensat",
    "sendto",
    "sendmsg",
    "connect",
    "exit_group",
];

/// Others before which it may be killed.
const LOOKS: &str =
    "openat,?openat2,close,read,pread64,preadv,?preadv2,getdents64,?statx,recvfrom,munmap,?clone3,?unlinkat";

/// One call of a command: a thread's so many of this name, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) number: usize,
}

/// The calls of an undisturbed run.
#[derive(Debug)]
pub(super) struct Calls {
    all: Vec<Call>,
    /// Those that change something, by their names.
    changes: BTreeMap<String, Vec<usize>>,
}

impl Calls {
    /// Runs the command undisturbed, and counts its calls.
    pub(super) fn of(command: &Command) -> Result<(Self, Ended)> {
        let log = tempfile::NamedTempFile::new()?;
        let mut strace = strace();
        strace.arg(format!("--trace={},{LOOKS}", CHANGES.join(",")));
        strace.arg("-o").arg(log.path());
        let ended = run(strace, command)?;
        let calls = Calls::read(&std::fs::read_to_string(log.path())?);
        if calls.changes.is_empty() {
            bail!("strace saw no calls: {}", ended.told());
        }
        Ok((calls, ended))
    }

    fn read(log: &str) -> Self {
        let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let (mut all, mut changes) = (Vec::new(), BTreeMap::<String, Vec<usize>>::new());
        for (thread, call) in log.lines().filter_map(|line| line.split_once(' ')) {
            // Calls are resumed, signals and ends told as `<...`, `---` and `+++`.
            let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = call.trim_start().split('(').next().filter(is_name);
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                continue;
            };
            let number = seen.entry((thread, name)).or_default();
            *number += 1;
            if CHANGES
                .iter()
                .any(|change| change.trim_start_matches('?') == name)
            {
                changes.entry(name.to_owned()).or_default().push(all.len());
            }
            all.push(Call {
                name: name.to_owned(),
                number: *number,
            });
        }
        Calls { all, changes }
    }

    /// Any call: mostly one that changes something, where each name is as likely as any other.
    pub(super) fn draw(&self, rng: &mut Rng) -> Call {
        if rng.u8(0..4) == 0 {
            return self.all[rng.usize(0..self.all.len())].clone();
        }
        let names: Vec<&Vec<usize>> = self.changes.values().collect();
        let of_name = names[rng.usize(0..names.len())];
        self.all[of_name[rng.usize(0..of_name.len())]].clone()
    }
}

/// Runs a command, and kills it when a thread of it is about to make this call.
pub(super) fn kill_before(call: &Call, command: &Command) -> Result<Ended> {
    let mut strace = strace();
    let (name, number) = (&call.name, call.number);
    strace.arg(format!("--trace={name}"));
    strace.arg(format!("--inject={name}:signal=SIGKILL:when={number}"));
    strace.args(["-o", "/dev/null"]);
    run(strace, command)
}

fn strace() -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--signal=none", "--string-limit=0"]);
    strace
}

fn run(strace: Command, command: &Command) -> Result<Ended> {
    let output = syscall_trace::under(strace, command);
    Ok(Ended::from(output.context("strace")?))
}
