//! `stonekeep completions`: prints a completion script for a shell.

use clap::{Args, Command};
use clap_complete::Shell;
use serde_json::json;

use super::Session;
use crate::exit::Exit;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut command: Command, session: &Session) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "stonekeep", &mut script);
    let script = String::from_utf8(script)?;
    let document = json!({ "shell": args.shell.to_string(), "script": script });
    session.output.raw(&document, &script)?;
    Ok(Exit::Success)
}
