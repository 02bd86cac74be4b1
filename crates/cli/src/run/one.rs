//! Runs one command line.

use std::ffi::OsString;
use std::io;
use std::sync::Once;

use clap::{Command, FromArgMatches};
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::Cli;
use crate::commands::{self, Session};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::Unusable;
use crate::output::failure::Failure;
use crate::output::print_error::PrintError;
use crate::output::{Output, has_colours};

/// Parses a complete command line.
pub(super) fn parse(cli: &mut Command, words: &[OsString]) -> Result<(Option<String>, Cli), clap::Error> {
    let matches = cli.try_get_matches_from_mut(words)?;
    let command = matches.subcommand_name().map(str::to_owned);
    Ok((command, Cli::from_arg_matches(&matches)?))
}

/// Runs it, and prints why it failed.
pub(super) fn run(cli: Cli, output: &Output, interrupt: &Interrupt) -> Exit {
    match attempt(cli, output, interrupt, Unusable::default()) {
        Ok(exit) => exit,
        Err(error) => report_failure(output, &error, interrupt),
    }
}

pub(super) fn attempt(
    cli: Cli,
    output: &Output,
    interrupt: &Interrupt,
    unusable: Unusable,
) -> anyhow::Result<Exit> {
    show_diagnostics(cli.global.verbose);
    let session = Session {
        output: output.clone(),
        interrupt: interrupt.clone(),
        config: cli.global.config,
        unusable,
    };
    cli.verb.run(&session)
}

/// Prints why a command failed. A reader that went away is no failure.
pub(super) fn report_failure(output: &Output, error: &anyhow::Error, interrupt: &Interrupt) -> Exit {
    let exit = Exit::of(error, interrupt);
    let broken_pipe = |error: &PrintError| error.is_broken_pipe();
    if error.downcast_ref().is_some_and(broken_pipe) {
        return exit;
    }
    let mut failure = Failure::new(error);
    let name = output.command.as_deref().unwrap_or_default();
    // What stopped in the middle of a commit says itself what is left.
    let says_more = matches!(exit, Exit::Signalled(_)) && failure.hint.is_some();
    if let Some(advice) = commands::advice(name, exit).filter(|_| !says_more) {
        failure.advise(advice);
    }
    output.failure(&failure, exit.code());
    exit
}

/// Prints a document that was kept; if that fails, so has the command.
pub(super) fn print(output: &Output, document: &Value, exit: Exit) -> Exit {
    match output.data(document, |_| {}) {
        Ok(()) => exit,
        Err(error) if error.is_broken_pipe() => exit,
        Err(error) => {
            let failure = Failure::new(&error.into());
            output.failure(&failure, Exit::Failure.code());
            Exit::Failure
        }
    }
}

/// Shows what the library reports through `tracing` on standard error, if that was asked for: with `-v` each step, with
/// `-vv` each file and request.
fn show_diagnostics(verbosity: u8) {
    static ONCE: Once = Once::new();
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    ONCE.call_once(|| {
        // It fails only if a subscriber was set before, and none was.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            .with_ansi(has_colours(&io::stderr()))
            .try_init();
    });
}
