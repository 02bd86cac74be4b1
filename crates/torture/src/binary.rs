//! The real command: where it is, and what a run of it has said.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;
use stonekeep::ErrorKind;

/// The path of the command. Without it, the command is that which cargo has built beside the running program.
pub const COMMAND: &str = "STONEKEEP_TEST_COMMAND";
/// What is missing where it is not found.
pub const NEEDED: &str = "needs the command: cargo build";

const NAME: &str = "stonekeep";

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct Binary(PathBuf);

impl Binary {
    /// The command, if it has been built.
    pub fn find() -> Option<Self> {
        if let Some(path) = std::env::var_os(COMMAND) {
            return Some(Binary(path.into()));
        }
        let running = std::env::current_exe().ok()?;
        // Tests are in a directory below.
        let directories = running.ancestors().skip(1).take(2);
        let mut beside = directories.map(|directory| directory.join(NAME));
        beside.find(|path| path.is_file()).map(Binary)
    }

    /// A command line that answers with a JSON document, without what the environment and the user's configuration could bring in.
    pub fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.0);
        without_settings(&mut command);
        command.args(words).arg("--json").stdin(Stdio::null());
        command
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Takes from a command what the environment and the user's configuration could bring in.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STONEKEEP_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nowhere").env("TZ", "UTC");
}

/// How a run has ended, and what it has said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none after a kill.
    pub code: Option<i32>,
    /// The document on standard output, if there is a whole one.
    pub document: Option<Value>,
    /// What it has written to standard error.
    pub errors: String,
}

impl Ended {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn of(command: &mut Command) -> Result<Self> {
        let output = command
            .output()
            .with_context(|| format!("{:?}", command.get_program()))?;
        Ok(Ended::from(output))
    }

    /// Whether it has reported that what was asked for is done: by its document, or by its exit code.
    pub fn reported_done(&self) -> bool {
        let has_error = |document: &Value| document.get("error").is_some();
        match &self.document {
            Some(document) => !has_error(document) && matches!(self.code, None | Some(0)),
            None => self.code == Some(0),
        }
    }

    /// The kind of the error that it has reported, where that is one of a run that had nothing left to do.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        match self.document.as_ref()?.get("error")?.get("kind")?.as_str()? {
            "not_found" => Some(ErrorKind::NotFound),
            "refused" => Some(ErrorKind::Refused),
            _ => None,
        }
    }

    /// What a failure says.
    pub fn told(&self) -> String {
        let document = self.document.as_ref().map(Value::to_string);
        format!(
            "exit code {:?}, {} {}",
            self.code,
            document.unwrap_or_default(),
            self.errors.trim()
        )
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Ended {
            code: output.status.code(),
            document: serde_json::from_slice(&output.stdout).ok(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
