//! A command that runs beside the test, which waits for what it does and never for a time.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::command::Ended;

/// Between two looks at what a command has done. No test depends on how long it is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A command that has been started; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What has been read of standard error.
    seen: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting the binary");
        let stderr = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let seen = String::new();
        Running { child, stderr, seen }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        // One that has ended already is no failure: the test looks at how it ended.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("asking for its end").is_some()
    }

    /// Waits until something is true that the command brings about, and fails if it ends without.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, is_so: impl Fn() -> bool) {
        loop {
            let has_ended = self.has_ended();
            if is_so() {
                return;
            }
            assert!(!has_ended, "it ended too early: {:?}", self.end());
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits until the command says this on standard error, and fails if it ends without.
    #[track_caller]
    pub(crate) fn wait_for_words(&mut self, words: &str) {
        while !self.seen.contains(words) {
            let count = self.stderr.read_line(&mut self.seen).expect("reading a line");
            assert!(count > 0, "no {words:?} in {:?}", self.seen);
        }
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Ended {
        let mut stdout = String::new();
        // One that has much to say on both would wait for this test; none here has.
        let mut pipe = self.child.stdout.take().expect("standard output is a pipe");
        pipe.read_to_string(&mut stdout).expect("standard output");
        self.stderr
            .read_to_string(&mut self.seen)
            .expect("standard error");
        let status = self.child.wait().expect("waiting for its end");
        Ended {
            code: status.code(),
            stdout,
            stderr: std::mem::take(&mut self.seen),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `end`, both only say that it is over.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The tables in a directory and below it.
pub(crate) fn tables_below(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .map(|path: PathBuf| match path.extension() {
            Some(extension) if extension == "sst" => 1,
            _ if path.is_dir() => tables_below(&path),
            _ => 0,
        })
        .sum()
}
