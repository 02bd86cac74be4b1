//! The values of the options of one command, from the place that counts most.

use std::ffi::OsString;

use clap::{Arg, Command};

use crate::config::{At, Given};
use crate::option;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    CommandLine,
    /// Chosen for several runs at the same time.
    BuiltIn,
    /// The environment variable of this name.
    Variable(String),
    /// A key of the configuration file.
    File {
        key: String,
        at: At,
    },
}

/// An option with its values. A switch has `true` or `false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) long: String,
    pub(crate) values: Vec<OsString>,
    pub(crate) origin: Origin,
}

impl Setting {
    fn of_file(given: &Given) -> Self {
        Setting {
            long: given.long.clone(),
            values: given.values.clone(),
            origin: Origin::File {
                key: given.key.clone(),
                at: given.at,
            },
        }
    }

    /// Whether it is a switch that is off: it keeps other values of the option away, and contradicts nothing.
    fn is_off(&self, arg: &Arg) -> bool {
        option::kind(arg) == option::Kind::Switch && self.values.iter().all(|value| value != "true")
    }
}

/// Adds to what was typed the values of variables, and to those the values of the file: what is given already is kept, and what
/// contradicts it left out.
pub(crate) fn effective(
    command: &Command,
    (typed, has_words): (Vec<Setting>, bool),
    variables: &[Setting],
    file: &[&Given],
) -> Vec<Setting> {
    let mut settings = typed;
    let file = file.iter().map(|given| Setting::of_file(given));
    for layer in [variables.to_vec(), file.collect()] {
        let fits = |new: &Setting| {
            let is_new = settings.iter().all(|setting| setting.long != new.long);
            is_new && !contradicts(command, new, (&settings, has_words))
        };
        let added: Vec<Setting> = layer.into_iter().filter(fits).collect();
        settings.extend(added);
    }
    settings
}

fn contradicts(command: &Command, new: &Setting, (settings, has_words): (&[Setting], bool)) -> bool {
    let Some(arg) = option::find(command, &new.long).filter(|arg| !new.is_off(arg)) else {
        return false;
    };
    let is_against = |other: &Arg| {
        let one_way = |a, b: &Arg| {
            let conflicts = command.get_arg_conflicts_with(a);
            conflicts.iter().any(|conflict| conflict.get_id() == b.get_id())
        };
        one_way(arg, other) || one_way(other, arg)
    };
    let words = command
        .get_arguments()
        .filter(|arg| arg.is_positional() && has_words);
    let given = settings.iter().filter_map(|setting| {
        let arg = option::find(command, &setting.long)?;
        (!setting.is_off(arg)).then_some(arg)
    });
    words.chain(given).any(is_against)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(long: &str, value: &str, origin: Origin) -> Setting {
        Setting {
            long: long.to_owned(),
            values: vec![value.into()],
            origin,
        }
    }

    fn effective_of(
        verb: &str,
        typed: &[(&str, &str)],
        has_words: bool,
        variables: &[(&str, &str)],
    ) -> Vec<String> {
        let cli = crate::cli::command();
        let command = cli.find_subcommand(verb).unwrap();
        let typed = typed
            .iter()
            .map(|(long, value)| setting(long, value, Origin::CommandLine));
        let variables = variables
            .iter()
            .map(|(long, value)| setting(long, value, Origin::Variable("X".to_owned())));
        let variables: Vec<Setting> = variables.collect();
        let settings = effective(command, (typed.collect(), has_words), &variables, &[]);
        settings.into_iter().map(|setting| setting.long).collect()
    }

    #[test]
    fn what_was_typed_counts_and_keeps_contradictions_away() {
        let metadata = [("app-metadata", "x"), ("tag", "t")];
        assert_eq!(
            effective_of("backup", &[("tag", "u")], true, &metadata),
            ["tag", "app-metadata"]
        );
        let typed = [("app-metadata-file", "f")];
        assert_eq!(
            effective_of("backup", &typed, true, &metadata),
            ["app-metadata-file", "tag"]
        );
        let off = [("destroy-old-data", "false")];
        assert_eq!(
            effective_of("backup", &[("dry-run", "true")], true, &off),
            ["dry-run", "destroy-old-data"]
        );
        let on = [("destroy-old-data", "true")];
        assert_eq!(
            effective_of("backup", &[("dry-run", "true")], true, &on),
            ["dry-run"]
        );
        let tag = [("tag", "t")];
        assert_eq!(effective_of("delete", &[], true, &tag), Vec::<String>::new());
        assert_eq!(effective_of("delete", &[], false, &tag), ["tag"]);
    }
}
