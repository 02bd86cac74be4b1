//! Runs the binary.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The binary, without what the environment could bring in.
pub(crate) fn stonekeep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stonekeep"));
    for variable in [
        "STONEKEEP_REPO",
        "STONEKEEP_CONFIG",
        "STONEKEEP_SCRATCH",
        "NO_COLOR",
        "TERM",
    ] {
        command.env_remove(variable);
    }
    // The configuration of the user who runs the tests is not theirs.
    command.env("XDG_CONFIG_HOME", "/nowhere");
    command.env("TZ", "UTC");
    command
}

/// Runs it to its end.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    Ended::from(stonekeep().args(args).output().expect("running the binary"))
}

/// Runs a line of words; a path with spaces needs [`run`].
pub(crate) fn line(words: &str) -> Ended {
    run(words.split_whitespace())
}

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text on standard output"),
            stderr: String::from_utf8(output.stderr).expect("text on standard error"),
        }
    }
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Checks that it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    /// Checks a part of standard output.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "no {part:?} in {self:#?}");
        self
    }

    /// Checks a part of standard error.
    #[track_caller]
    pub(crate) fn warns(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no {part:?} in {self:#?}");
        self
    }

    /// The one JSON document on standard output; nothing may stand beside it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stderr, "", "{self:#?}");
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:#?}");
        let document: Value = serde_json::from_str(&self.stdout).expect("a JSON document");
        assert_eq!(document["stonekeep_json"], 1);
        document
    }
}

/// A path as a word.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
