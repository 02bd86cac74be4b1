//! Explains a command line that the parser refuses, and prints the help.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use crate::exit::Exit;
use crate::invocation::{Job, Origin, Setting, variables};
use crate::mistakes;
use crate::option;
use crate::output::Output;
use crate::output::failure::Failure;
use crate::output::print_error::PrintError;
use crate::output::text::Style;

/// How a command line wants its errors, as far as that can be told from its words.
pub(super) fn output(cli: &Command, typed: &[OsString]) -> Output {
    let options = || typed.iter().skip(1).take_while(|word| *word != "--");
    let named = |word: &OsString| cli.find_subcommand(word).map(|verb| verb.get_name().to_owned());
    let variable = std::env::var(variables::name("json")).unwrap_or_default();
    let is_on = matches!(&*variable.to_ascii_lowercase(), "1" | "true" | "on" | "yes");
    Output {
        command: options().find_map(named),
        json: is_on || options().any(|word| word == "--json"),
        ..Output::default()
    }
}

/// An error of the parser, with where the values come from that were not typed.
pub(super) fn with_origins(mut error: clap::Error, job: &Job, cli: &Command) -> clap::Error {
    let text = error.to_string();
    let words: Vec<&str> = without_usage(&text)
        .split(|c: char| c.is_whitespace() || "'=[<".contains(c))
        .collect();
    let command = job.command(cli);
    let named = |setting: &&Setting| {
        let option = format!("--{}", setting.long);
        let is_known = command.is_some_and(|command| option::find(command, &setting.long).is_some());
        is_known && words.contains(&option.as_str())
    };
    let origins = job
        .settings
        .iter()
        .filter(named)
        .filter_map(|setting| match &setting.origin {
            Origin::CommandLine | Origin::BuiltIn => None,
            Origin::Variable(name) => Some(format!("--{} is given by the variable {name}", setting.long)),
            Origin::File { key, at } => Some(format!(
                "--{} is given by {key} in line {} of the configuration file",
                setting.long, at.line
            )),
        });
    let origins: Vec<String> = origins.collect();
    if !origins.is_empty() {
        let styled = ContextValue::StyledStrs(origins.into_iter().map(Into::into).collect());
        error.insert(ContextKind::Suggested, styled);
    }
    error
}

/// What is wrong. The usage behind it names options that are right.
fn without_usage(text: &str) -> &str {
    text.split("\n\nUsage").next().unwrap_or_default()
}

/// Arguments that do not fit, or a wish for help or for the version.
pub(super) fn explain(error: &clap::Error, output: &Output) -> Exit {
    if !error.use_stderr() {
        return show_help(error);
    }
    let hint = mistakes::hint(error, output.command.as_deref());
    if !output.json && output.heading.is_none() {
        // Nothing is left to do if not even that can be printed.
        let _ = error.print();
        if let Some(hint) = hint {
            output.aside(|page| page.marked(Style::Hint, "hint:", hint));
        }
        return Exit::Usage;
    }
    let text = error.to_string();
    let message = text.trim_start_matches("error: ").trim_end();
    // Of several databases, each has its own line.
    let line = without_usage(message)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let message = if output.json { message } else { &line };
    let failure = Failure {
        hint,
        ..Failure::usage(message)
    };
    output.failure(&failure, Exit::Usage.code());
    Exit::Usage
}

/// The help or the version, which was asked for: that it cannot be printed is an error.
fn show_help(text: &clap::Error) -> Exit {
    let printed = text.print().and_then(|()| io::stdout().flush());
    match printed.map_err(PrintError::from) {
        Err(error) if !error.is_broken_pipe() => {
            let output = Output::default();
            output.failure(&Failure::new(&error.into()), Exit::Failure.code());
            Exit::Failure
        }
        _ => Exit::Success,
    }
}
