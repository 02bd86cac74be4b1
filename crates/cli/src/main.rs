//! The `stonekeep` command.

mod args;
mod cli;
mod commands;
mod exit;
mod interrupt;
mod mistakes;
mod mount_points;
mod output;
mod store_settings;
mod usage_error;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use tracing_subscriber::filter::LevelFilter;

use cli::Cli;
use commands::Session;
use exit::Exit;
use interrupt::Interrupt;
use output::failure::Failure;
use output::print_error::PrintError;
use output::text::Style;
use output::{Output, has_colours};

fn main() -> ExitCode {
    interrupt::survive_long_files();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let parsed = Cli::command().try_get_matches_from(&typed).and_then(|matches| {
        Ok((
            matches.subcommand_name().map(str::to_owned),
            Cli::from_arg_matches(&matches)?,
        ))
    });
    match parsed {
        Ok((command, cli)) => run(command, cli).into(),
        Err(error) => explain(&error, &typed).into(),
    }
}

fn run(command: Option<String>, cli: Cli) -> Exit {
    show_diagnostics(cli.global.verbose);
    let session = Session {
        output: Output {
            command,
            json: cli.global.json,
            quiet: cli.global.quiet,
        },
        interrupt: Interrupt::of_process(),
    };
    let error = match cli.verb.run(&session) {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    let exit = Exit::of(&error, &session.interrupt);
    let broken_pipe = |error: &PrintError| error.is_broken_pipe();
    if error.downcast_ref().is_some_and(broken_pipe) {
        return exit;
    }
    let mut failure = Failure::new(&error);
    let name = session.output.command.as_deref().unwrap_or_default();
    // What stopped in the middle of a commit says itself what is left.
    let says_more = matches!(exit, Exit::Signalled(_)) && failure.hint.is_some();
    if let Some(advice) = commands::advice(name, exit).filter(|_| !says_more) {
        failure.advise(advice);
    }
    session.output.failure(&failure, exit.code());
    exit
}

/// Shows what the library reports through `tracing` on standard error, if that was asked for: with `-v` each step, with
/// `-vv` each file and request.
fn show_diagnostics(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    // It fails only if a subscriber was set before, and none was.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(has_colours(&io::stderr()))
        .try_init();
}

/// The help or the version, which was asked for: that it cannot be printed is an error.
fn show_help(text: &clap::Error) -> Exit {
    let printed = text.print().and_then(|()| io::stdout().flush());
    match printed.map_err(PrintError::from) {
        Err(error) if !error.is_broken_pipe() => {
            let output = Output {
                command: None,
                json: false,
                quiet: false,
            };
            output.failure(&Failure::new(&error.into()), Exit::Failure.code());
            Exit::Failure
        }
        _ => Exit::Success,
    }
}

/// Arguments that do not fit, or a wish for help or for the version.
fn explain(error: &clap::Error, typed: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return show_help(error);
    }
    let options = || typed.iter().skip(1).take_while(|word| *word != "--");
    let named = |word: &OsString| {
        let verb = Cli::command().find_subcommand(word)?.get_name().to_owned();
        Some(verb)
    };
    let output = Output {
        command: options().find_map(named),
        json: options().any(|word| word == "--json"),
        quiet: false,
    };
    let hint = mistakes::hint(error, output.command.as_deref());
    if !output.json {
        // Nothing is left to do if not even that can be printed.
        let _ = error.print();
        if let Some(hint) = hint {
            output.aside(|page| page.marked(Style::Hint, "hint:", hint));
        }
        return Exit::Usage;
    }
    let text = error.to_string();
    let message = text.trim_start_matches("error: ").trim_end();
    let failure = Failure {
        hint,
        ..Failure::usage(message)
    };
    output.failure(&failure, Exit::Usage.code());
    Exit::Usage
}
