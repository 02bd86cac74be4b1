//! Shows the steps of the demo, running each command as a shell would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use stonekeep::{Error, ErrorKind};

use crate::commands::Session;
use crate::output::text::Style;

/// Where the steps happen.
pub(super) struct Stage<'a> {
    directory: &'a Path,
    session: &'a Session,
    program: PathBuf,
    /// The steps as they were shown.
    steps: Vec<Value>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(directory: &'a Path, session: &'a Session) -> anyhow::Result<Self> {
        let stage = Stage {
            directory,
            session,
            program: std::env::current_exe()?,
            steps: Vec::new(),
        };
        stage.say(&format!("Everything happens in {}.", directory.display()))?;
        Ok(stage)
    }

    /// A path in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The steps so far.
    pub(super) fn steps(&self) -> &[Value] {
        &self.steps
    }

    /// A sentence between the steps.
    pub(super) fn say(&self, text: &str) -> anyhow::Result<()> {
        if !self.session.output.json {
            self.session.output.data(&(), |page| {
                page.gap();
                page.line(text);
            })?;
        }
        Ok(())
    }

    /// A step that the demo does itself, with what a user could type for it.
    pub(super) fn act(&mut self, title: &str, command: Option<&str>) -> anyhow::Result<()> {
        self.show(title, command.map(ToOwned::to_owned), None, "")
    }

    /// A step that is a command, which must end with this exit code.
    pub(super) fn run(&mut self, title: &str, words: &str, expected: i32) -> anyhow::Result<()> {
        let output = Command::new(&self.program)
            .args(words.split(' '))
            .current_dir(self.directory)
            .env_remove("STONEKEEP_REPO")
            .output()?;
        let text = text_of(&output);
        let code = output.status.code();
        self.show(title, Some(format!("stonekeep {words}")), code, &text)?;
        if code != Some(expected) {
            let message = format!("stonekeep {words} ended with {code:?} in place of {expected}");
            return Err(Error::new(ErrorKind::Aborted, message).into());
        }
        Ok(())
    }

    fn show(
        &mut self,
        title: &str,
        command: Option<String>,
        exit_code: Option<i32>,
        output: &str,
    ) -> anyhow::Result<()> {
        let number = self.steps.len() + 1;
        if !self.session.output.json {
            self.session.output.data(&(), |page| {
                page.gap();
                page.styled(Style::Strong, format!("{number}. {title}"));
                if let Some(command) = &command {
                    page.styled(Style::Hint, format!("   $ {command}"));
                }
                for line in output.lines() {
                    page.line(format!("   {line}"));
                }
            })?;
        }
        self.steps.push(json!({
            "title": title,
            "command": command,
            "exit_code": exit_code,
            "output": output,
        }));
        Ok(())
    }
}

/// What a command has printed: first what was asked for, then the rest.
fn text_of(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{stdout}{stderr}")
}
