//! The command line as it was typed: its command, its options with their values, its other words.
//!
//! It is parsed with the declarations of the options, but without what is required, without conflicts, and with any value, since
//! variables and the configuration file may add what is missing.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::OsStringValueParser};

use crate::option::{self, Kind};

/// The identity of the words that are no options.
const WORDS: &str = "words of the command";

/// A command line in its parts.
#[derive(Debug)]
pub(crate) struct Typed<'c> {
    /// The names of the command, as in `config show`.
    pub(super) path: Vec<String>,
    pub(super) command: &'c Command,
    /// Options that were typed, by their long names; a switch has `true`, a count its number.
    pub(super) options: Vec<(String, Vec<OsString>)>,
    pub(super) words: Vec<OsString>,
}

impl<'c> Typed<'c> {
    /// Parses it; `None` if even that is impossible, or help was asked for.
    pub(super) fn parse(cli: &'c Command, typed: &[OsString]) -> Option<Self> {
        let matches = lenient(cli, true).try_get_matches_from(typed).ok()?;
        let (mut command, mut matches, mut path) = (cli, &matches, Vec::new());
        while let Some((name, below)) = matches.subcommand() {
            command = command.find_subcommand(name)?;
            matches = below;
            path.push(command.get_name().to_owned());
        }
        if path.is_empty() {
            return None;
        }
        let global = option::options(cli).filter(|(arg, _)| arg.is_global_set());
        let options = option::options(command).chain(global);
        let options = options.filter_map(|(arg, long)| Some((long.to_owned(), values(arg, matches)?)));
        Some(Typed {
            path,
            command,
            options: options.collect(),
            words: words(matches),
        })
    }

    /// The values of an option that was typed.
    pub(super) fn option(&self, long: &str) -> Option<&[OsString]> {
        let typed = self.options.iter().find(|(name, _)| name == long);
        typed.map(|(_, values)| &**values)
    }

    /// The first name of the command.
    pub(super) fn verb(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

fn words(matches: &ArgMatches) -> Vec<OsString> {
    let raw = matches.try_get_raw(WORDS).ok().flatten();
    raw.into_iter().flatten().map(OsString::from).collect()
}

fn values(arg: &Arg, matches: &ArgMatches) -> Option<Vec<OsString>> {
    let id = arg.get_id().as_str();
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    Some(match option::kind(arg) {
        Kind::Count => vec![matches.get_count(id).to_string().into()],
        _ => matches.get_raw(id)?.map(OsString::from).collect(),
    })
}

/// The same command without demands.
fn lenient(command: &Command, is_root: bool) -> Command {
    let mut lenient = Command::new(command.get_name().to_owned())
        .disable_help_subcommand(true)
        .aliases(command.get_all_aliases().map(str::to_owned).collect::<Vec<_>>());
    for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
        let takes_a_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        let alone = option::alone(arg).global(arg.is_global_set());
        lenient = lenient.arg(if takes_a_value {
            alone.value_parser(OsStringValueParser::new())
        } else {
            alone
        });
    }
    if !is_root && command.get_subcommands().next().is_none() {
        let words = Arg::new(WORDS).num_args(0..).action(ArgAction::Append);
        lenient = lenient.arg(words.value_parser(OsStringValueParser::new()));
    }
    for below in command.get_subcommands() {
        lenient = lenient.subcommand(self::lenient(below, false));
    }
    lenient
}
