//! Options of commands in the file, under their long names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};
use toml::de::{DeTable, DeValue};

use super::names::did_you_mean;
use super::problem::{At, Problem};
use super::table::{Reader, Value};
use crate::option::{self, Kind};

/// The table with the options of `purge` under the name of what it is for.
pub(super) const RETENTION: &str = "retention";

/// Options that have a place of their own in the file, or none.
const ELSEWHERE: [(&str, &str); 4] = [
    ("repo", "the key repository of the database names its repository"),
    (
        "store-option",
        "settings of a store stand in the table store-option of the repository",
    ),
    ("all", "it is for the command line"),
    ("config", "it is for the command line"),
];

/// An option with its values, as the file gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) long: String,
    /// A switch has `true` or `false`.
    pub(crate) values: Vec<OsString>,
    pub(crate) at: At,
    /// Its key from the root of the file.
    pub(crate) key: String,
}

/// Options of several commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VerbOptions(BTreeMap<String, Vec<Given>>);

impl VerbOptions {
    /// Reads the table of a command; `false` if the key names none.
    pub(super) fn read<'t>(
        &mut self,
        reader: &mut Reader<'t>,
        (key, value): (&toml::Spanned<std::borrow::Cow<'t, str>>, &Value<'t>),
        (place, cli): (&str, &Command),
    ) -> bool {
        let name: &str = key.get_ref();
        let verb = if name == RETENTION { "purge" } else { name };
        let Some(command) = verbs(cli).find(|command| command.get_name() == verb) else {
            return false;
        };
        let place = format!("{place}.{name}");
        let Some(table) = reader.table(value, &place) else {
            return true;
        };
        if self.0.contains_key(verb) {
            let message = format!("{RETENTION} and purge are two names of one table: use one of them");
            reader.wrong(key.span(), message);
            return true;
        }
        let given = given(reader, table, (&place, command, cli));
        self.0.insert(verb.to_owned(), given);
        true
    }

    /// Those of one command.
    pub(crate) fn of(&self, verb: &str) -> &[Given] {
        self.0.get(verb).map_or(&[], Vec::as_slice)
    }
}

/// The commands that can have options in the file.
pub(super) fn verbs(cli: &Command) -> impl Iterator<Item = &Command> {
    cli.get_subcommands()
        .filter(|command| option::takes_a_repository(command))
}

/// Their names, and that of the retention.
pub(super) fn verb_names(cli: &Command) -> Vec<&str> {
    verbs(cli).map(Command::get_name).chain([RETENTION]).collect()
}

/// Those that hooks can belong to. `check` looks at all databases together, and says how they are by its exit code.
pub(super) fn verbs_with_hooks(cli: &Command) -> Vec<&str> {
    let names = verbs(cli).map(Command::get_name);
    names.filter(|name| *name != "check").collect()
}

fn given<'t>(
    reader: &mut Reader<'t>,
    table: &DeTable<'t>,
    (place, command, cli): (&str, &Command, &Command),
) -> Vec<Given> {
    let mut options = Vec::new();
    for (key, value) in table {
        let (long, at) = (&**key.get_ref(), reader.at(key.span()));
        if let Some((_, hint)) = ELSEWHERE.iter().find(|(name, _)| *name == long) {
            let message = format!("{place} cannot have the key {long:?}");
            reader.problem(Problem::new(at, message).with_hint(*hint));
            continue;
        }
        if option::find(cli, long).is_some() {
            let message = format!("{place} cannot have the key {long:?}");
            reader.problem(
                Problem::new(at, message).with_hint("options of every command are for the command line"),
            );
            continue;
        }
        let Some(arg) = option::find(command, long) else {
            let names = option::options(command).map(|(_, name)| name);
            let names = names.filter(|name| !ELSEWHERE.iter().any(|(other, _)| other == name));
            let message = format!("{place}: {} has no option {long:?}", command.get_name());
            reader.problem(Problem::new(at, message).with_hint_of(did_you_mean(long, names)));
            continue;
        };
        let key = format!("{place}.{long}");
        if let Some(values) = values(reader, value, (&key, arg)) {
            let long = arg.get_long().unwrap_or(long).to_owned();
            if options.iter().any(|other: &Given| other.long == long) {
                let message = format!("{key}: {long} is given by another name, too");
                reader.problem(Problem::new(at, message));
                continue;
            }
            options.push(Given {
                long,
                values,
                at,
                key,
            });
        }
    }
    options
}

/// The values of an option, checked.
fn values<'t>(reader: &mut Reader<'t>, value: &Value<'t>, (key, arg): (&str, &Arg)) -> Option<Vec<OsString>> {
    let mut values = Vec::new();
    match (option::kind(arg), value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(is_on)) => values.push(is_on.to_string().into()),
        (Kind::Switch, _) => {
            reader.wrong(value.span(), format!("{key} must be true or false"));
            return None;
        }
        (Kind::Many, DeValue::Array(items)) => {
            for item in items.iter() {
                values.push(scalar(reader, item, (key, arg))?);
            }
        }
        (_, DeValue::Array(_)) => {
            reader.wrong(value.span(), format!("{key} takes one value"));
            return None;
        }
        _ => values.push(scalar(reader, value, (key, arg))?),
    }
    Some(values)
}

fn scalar<'t>(reader: &mut Reader<'t>, value: &Value<'t>, (key, arg): (&str, &Arg)) -> Option<OsString> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(it) => it.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        _ => {
            reader.wrong(
                value.span(),
                format!("{key} must be a string, a number or true or false"),
            );
            return None;
        }
    };
    match option::check(arg, OsStr::new(&text)) {
        Ok(()) => Some(text.into()),
        Err(reason) => {
            reader.wrong(value.span(), format!("{key}: {reason}"));
            None
        }
    }
}
