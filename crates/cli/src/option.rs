//! An option of a command, as the parser of the command line describes it: what it takes, and whether a value fits.
//!
//! Variables and the configuration file give options their values through this, so that each option is declared once.

use std::error::Error;
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it is given or not.
    Switch,
    /// Nothing: it counts how often it is given.
    Count,
    /// One value.
    One,
    /// Several values, each behind the option.
    Many,
}

/// What the option takes.
pub(crate) fn kind(arg: &Arg) -> Kind {
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => Kind::Switch,
        ArgAction::Count => Kind::Count,
        ArgAction::Append => Kind::Many,
        _ => Kind::One,
    }
}

/// The options of a command that have a long name, with those of all commands; none for help.
pub(crate) fn options(command: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    let is_help = |arg: &Arg| {
        let action = arg.get_action();
        matches!(
            action,
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        )
    };
    let arguments = command.get_arguments().filter(move |arg| !is_help(arg));
    arguments.filter_map(|arg| Some((arg, arg.get_long()?)))
}

/// The option of this name, which may be another name of it, as `keep` is of `keep-last`.
pub(crate) fn find<'c>(command: &'c Command, long: &str) -> Option<&'c Arg> {
    let is_it = |(arg, name): &(&Arg, &str)| *name == long || aliases(arg).contains(&long);
    options(command).find(is_it).map(|(arg, _)| arg)
}

/// The other names of an option.
pub(crate) fn aliases(arg: &Arg) -> Vec<&str> {
    arg.get_all_aliases().unwrap_or_default()
}

/// Whether a command works on a repository, so that a database of the configuration file can be named to it.
pub(crate) fn takes_a_repository(command: &Command) -> bool {
    find(command, "repo").is_some()
}

/// The option without what it demands of others, so that it can be parsed alone.
pub(crate) fn alone(arg: &Arg) -> Arg {
    arg.clone()
        .required(false)
        .conflicts_with(Resettable::Reset)
        .required_unless_present(Resettable::Reset)
        .requires(Resettable::Reset)
        .env(Resettable::Reset)
        .global(false)
}

/// The words of a command line that give an option these values. A switch has `true` or `false`, a count its number.
pub(crate) fn words(arg: &Arg, values: &[OsString]) -> Vec<OsString> {
    let option = format!("--{}", arg.get_long().unwrap_or_default());
    let number = || {
        values
            .first()
            .and_then(|value| value.to_str()?.parse().ok())
            .unwrap_or(0)
    };
    match kind(arg) {
        Kind::Switch if values.iter().any(|value| value == "true") => vec![option.into()],
        Kind::Switch => Vec::new(),
        Kind::Count => vec![option.into(); number()],
        Kind::One | Kind::Many => {
            let word = |value: &OsString| {
                let mut word = OsString::from(&option);
                word.push("=");
                word.push(value);
                word
            };
            values.iter().map(word).collect()
        }
    }
}

/// Why a value does not fit.
pub(crate) fn check(arg: &Arg, value: &OsStr) -> Result<(), String> {
    if !matches!(kind(arg), Kind::One | Kind::Many) {
        return Ok(());
    }
    let mut words = words(arg, &[value.to_owned()]);
    words.insert(0, "stonekeep".into());
    let command = Command::new("stonekeep").disable_help_flag(true).arg(alone(arg));
    match command.try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(reason(&error)),
    }
}

fn reason(error: &clap::Error) -> String {
    if let Some(reason) = error.source() {
        return reason.to_string();
    }
    let words = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) => words.join(", "),
        _ => String::new(),
    };
    if words.is_empty() {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        return line.trim_start_matches("error: ").to_owned();
    }
    format!("its values are {words}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn backup() -> Command {
        let cli = Cli::command();
        cli.find_subcommand("backup").unwrap().clone()
    }

    #[test]
    fn options_are_what_they_take() {
        let command = backup();
        let kind_of = |long| kind(find(&command, long).unwrap());
        assert_eq!(kind_of("force"), Kind::Switch);
        assert_eq!(kind_of("tag"), Kind::Many);
        assert_eq!(kind_of("sync"), Kind::One);
        assert_eq!(kind_of("lock-wait"), Kind::One);
        assert!(find(&command, "help").is_none());
        let cli = Cli::command();
        let keep = find(cli.find_subcommand("purge").unwrap(), "keep").unwrap();
        assert_eq!(keep.get_long(), Some("keep-last"));
    }

    #[test]
    fn a_value_that_does_not_fit_is_explained() {
        let command = backup();
        let fits = |long, value: &str| check(find(&command, long).unwrap(), value.as_ref());
        assert_eq!(fits("lock-wait", "30m"), Ok(()));
        assert!(
            fits("lock-wait", "soon")
                .unwrap_err()
                .contains("a duration is seconds")
        );
        assert_eq!(fits("sync", "false"), Ok(()));
        assert_eq!(
            fits("sync", "maybe"),
            Err("its values are true, false".to_owned())
        );
        assert!(fits("source", "warm").unwrap_err().contains("auto, closed, hot"));
        assert_eq!(fits("app-metadata", "-x"), Ok(()));
    }

    #[test]
    fn values_become_words() {
        let command = backup();
        let words_of = |long, values: &[&str]| {
            let values: Vec<OsString> = values.iter().map(OsString::from).collect();
            words(find(&command, long).unwrap(), &values)
        };
        assert_eq!(words_of("tag", &["a", "b c"]), ["--tag=a", "--tag=b c"]);
        assert_eq!(words_of("force", &["true"]), ["--force"]);
        assert!(words_of("force", &["false"]).is_empty());
        assert_eq!(words_of("sync", &["false"]), ["--sync=false"]);
    }
}
