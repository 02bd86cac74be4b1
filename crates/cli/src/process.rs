//! Runs a program of the user's to its end, or to the end of its time.
//!
//! A program may not read its input, print without end, ignore SIGTERM, or leave a daemon that keeps its pipes open. None of that
//! holds this process up: input and output are handled by threads that are left alone if they do not end, and of the output only
//! the last part is kept. Past its time, a program with a process group of its own and all that it has started get SIGTERM, and SIGKILL
//! five seconds later; another one is killed, and nothing that it has started.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};

use crate::interrupt::Interrupt;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// How long output is waited for after the program has ended: longer only if something else has the pipe.
const LAST_OUTPUT: Duration = Duration::from_millis(250);

/// The first pause between two looks whether it has ended; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_micros(250);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A program that is to be run.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    limit: Duration,
    input: Vec<u8>,
    kept_bytes: usize,
    /// Whose signal ends it; it is then in a process group of its own.
    interrupt: Option<Interrupt>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Exited(i32),
    Signalled(i32),
    /// It was ended after this time.
    TimedOut(Duration),
    /// It was ended because of a signal to this process.
    Stopped,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Exited(code) => write!(f, "ended with exit code {code}"),
            How::Signalled(signal) => write!(f, "was ended by signal {signal}"),
            How::TimedOut(limit) => write!(f, "did not end within {} s", limit.as_secs_f64()),
            How::Stopped => write!(f, "was stopped"),
        }
    }
}

/// How it ended, and the last part of what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Process {
    /// The words are the program and its arguments.
    pub(crate) fn new(words: &[String], limit: Duration) -> Self {
        let mut command = Command::new(words.first().map_or("", String::as_str));
        command.args(words.iter().skip(1));
        Process {
            command,
            limit,
            input: Vec::new(),
            kept_bytes: 4096,
            interrupt: None,
        }
    }

    /// So many bytes of each stream are kept, the last ones.
    pub(crate) fn keeping(mut self, bytes: usize) -> Self {
        self.kept_bytes = bytes;
        self
    }

    /// What it can read from its standard input.
    pub(crate) fn reading(mut self, input: Vec<u8>) -> Self {
        self.input = input;
        self
    }

    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In a process group of its own, which a terminal's Ctrl-C does not reach: it is ended when a signal comes to this process.
    pub(crate) fn stopped_by(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(interrupt.clone());
        self
    }

    /// Runs it.
    pub(crate) fn run(mut self) -> io::Result<Ended> {
        let stdin = if self.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.interrupt.is_some() {
            self.command.process_group(0);
        }
        let mut child = self.command.spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            let input = std::mem::take(&mut self.input);
            // It need not read all of it.
            spawn(move || drop(pipe.write_all(&input)))?;
        }
        let stdout = Output::of(child.stdout.take(), self.kept_bytes)?;
        let stderr = Output::of(child.stderr.take(), self.kept_bytes)?;
        let how = self.wait(&mut child)?;
        Ok(Ended {
            how,
            stdout: stdout.take(),
            stderr: stderr.take(),
        })
    }

    fn wait(&self, child: &mut Child) -> io::Result<How> {
        let pid = Pid::from_child(child);
        let ended_early = self.watch(pid, self.limit, true)?;
        if let Some(how) = ended_early {
            let until = Instant::now() + GRACE;
            self.kill(child, pid, Signal::TERM);
            let is_running = self.watch(pid, GRACE, false)?.is_some();
            if is_running || self.interrupt.is_none() {
                // Until it is waited for below, its number is not given to another process.
                self.kill(child, pid, Signal::KILL);
                child.wait()?;
            } else {
                child.wait()?;
                end_group(pid, until);
            }
            return Ok(how);
        }
        let status = child.wait()?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => How::Exited(code),
            (None, signal) => How::Signalled(signal.unwrap_or_default()),
        })
    }

    /// Waits for its end without taking its status; `None` if it came.
    fn watch(&self, pid: Pid, limit: Duration, is_stoppable: bool) -> io::Result<Option<How>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            if waitid(WaitId::Pid(pid), options)?.is_some() {
                return Ok(None);
            }
            if is_stoppable && self.interrupt.as_ref().is_some_and(Interrupt::came) {
                return Ok(Some(How::Stopped));
            }
            if began.elapsed() >= limit {
                return Ok(Some(How::TimedOut(limit)));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What has ended meanwhile needs no signal.
    fn kill(&self, child: &mut Child, pid: Pid, signal: Signal) {
        if self.interrupt.is_some() {
            let _ = kill_process_group(pid, signal);
        } else {
            drop(child.kill());
        }
    }
}

/// Waits until nothing is left of the process group of a program that has ended, and ends it past this time. As long as something is
/// left, no other group has its number.
fn end_group(group: Pid, until: Instant) {
    while test_kill_process_group(group).is_ok() {
        if Instant::now() >= until {
            let _ = kill_process_group(group, Signal::KILL);
            return;
        }
        thread::sleep(LONGEST_PAUSE);
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(work).map(drop)
}

/// What a stream has brought so far.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
    kept: usize,
}

impl Output {
    fn of(stream: Option<impl Read + Send + 'static>, kept: usize) -> io::Result<Self> {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (end, ended) = mpsc::channel();
        if let Some(stream) = stream {
            let bytes = Arc::clone(&bytes);
            spawn(move || {
                read(stream, &bytes, kept);
                drop(end);
            })?;
        }
        Ok(Output { bytes, ended, kept })
    }

    fn take(self) -> Vec<u8> {
        // The thread sends nothing: it ends with the stream, or goes on while something holds the stream.
        let _ = self.ended.recv_timeout(LAST_OUTPUT);
        let mut bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        bytes.split_off(bytes.len().saturating_sub(self.kept))
    }
}

fn read(mut stream: impl Read, into: &Mutex<Vec<u8>>, kept: usize) {
    let mut buffer = [0; 8192];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let mut bytes = into.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(&buffer[..count]);
        if bytes.len() > 2 * kept {
            let surplus = bytes.len() - kept;
            bytes.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Process {
        let words = ["sh", "-c", script].map(str::to_owned);
        Process::new(&words, limit).stopped_by(&Interrupt::default())
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn input_and_output_are_passed_on() {
        let process = sh("cat; echo \"$NAME\" >&2; exit 3", LONG);
        let ended = process
            .reading(b"input".to_vec())
            .with_variable("NAME", "value")
            .run();
        let ended = ended.unwrap();
        assert_eq!(ended.how, How::Exited(3));
        assert_eq!((&*ended.stdout, &*ended.stderr), (&b"input"[..], &b"value\n"[..]));
        let ended = sh("kill -9 $$", LONG).run().unwrap();
        assert_eq!(ended.how, How::Signalled(9));
    }

    #[test]
    fn only_the_last_output_is_kept_and_input_need_not_be_read() {
        let process = sh("head -c 3000000 /dev/zero; echo end", LONG);
        let ended = process.keeping(100).reading(vec![b'x'; 1 << 20]).run().unwrap();
        assert_eq!(ended.how, How::Exited(0));
        assert_eq!(ended.stdout.len(), 100);
        assert!(ended.stdout.ends_with(b"end\n"));
    }

    #[test]
    fn what_ignores_signals_and_what_it_started_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("alive");
        let script = format!(
            "trap '' TERM; (while :; do touch {}; sleep 0.05; done) & sleep 100",
            file.display()
        );
        let ended = sh(&script, SHORT).run().unwrap();
        assert_eq!(ended.how, How::TimedOut(SHORT));
        // Nothing of the group touches the file any more.
        let gone = || !std::fs::exists(&file).unwrap();
        assert!((0..200).any(|_| {
            drop(std::fs::remove_file(&file));
            thread::sleep(Duration::from_millis(150));
            gone()
        }));
    }

    #[test]
    fn what_it_started_has_the_same_time_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tidy");
        let script = format!(
            "(trap 'sleep 0.3; touch {}; exit' TERM; while :; do sleep 0.05; done) & sleep 100",
            file.display()
        );
        let ended = sh(&script, Duration::from_secs(1)).run().unwrap();
        assert!(matches!(ended.how, How::TimedOut(_)));
        assert!(file.exists());
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_is_not_waited_for() {
        let began = Instant::now();
        let ended = sh("sleep 50 & echo $!; exit 0", LONG).run().unwrap();
        assert_eq!(ended.how, How::Exited(0));
        assert!(began.elapsed() < Duration::from_secs(40));
        let pid = String::from_utf8(ended.stdout).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let words = ["/no/such/program".to_owned()];
        assert!(Process::new(&words, LONG).run().is_err());
    }
}
