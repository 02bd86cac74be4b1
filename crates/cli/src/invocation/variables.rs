//! Environment variables that give options their values.
//!
//! `--lock-wait` is `STONEKEEP_LOCK_WAIT` for every command that has the option, or `STONEKEEP_BACKUP_LOCK_WAIT` for `backup` alone, which
//! counts before it. An option that may be repeated takes one value a line. A switch takes true or false, also as yes and no, on and off,
//! or 1 and 0. A variable that is empty is not set. `--database` has variables of single commands only: hooks get `STONEKEEP_DATABASE`, which is
//! a name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, Command};

use super::layers::{Origin, Setting};
use crate::option::{self, Kind};

/// The variables of hooks, which no option has.
const OF_HOOKS: [&str; 7] = [
    "STONEKEEP_HOOK",
    "STONEKEEP_DATABASE",
    "STONEKEEP_REPOSITORY",
    "STONEKEEP_VERB",
    "STONEKEEP_EXIT_CODE",
    "STONEKEEP_BACKUP_ID",
    "STONEKEEP_ERROR",
];

/// The variable of an option of every command.
pub(crate) fn name(long: &str) -> String {
    format!("STONEKEEP_{}", upper(long))
}

/// The variable of the option of one command.
pub(crate) fn name_for(path: &[String], long: &str) -> String {
    format!("STONEKEEP_{}_{}", upper(&path.join("-")), upper(long))
}

fn upper(text: &str) -> String {
    text.to_ascii_uppercase().replace('-', "_")
}

/// The values of the options of a command, also of those of every command, that are not typed; an error for each one that does not fit.
pub(crate) fn settings(
    (path, command): (&[String], &Command),
    cli: &Command,
    is_typed: impl Fn(&str) -> bool,
) -> (Vec<Setting>, Vec<String>) {
    let of_all = option::options(cli).filter(|(arg, _)| arg.is_global_set());
    let (mut settings, mut errors) = (Vec::new(), Vec::new());
    for (arg, long) in option::options(command).chain(of_all) {
        if is_typed(long) {
            continue;
        }
        let names = || std::iter::once(long).chain(option::aliases(arg));
        let given = names()
            .map(|long| name_for(path, long))
            .chain(
                names()
                    .map(name)
                    .filter(|name| !OF_HOOKS.contains(&name.as_str())),
            )
            .find_map(|name| Some((std::env::var_os(&name).filter(|value| !value.is_empty())?, name)));
        let Some((value, name)) = given else {
            continue;
        };
        match values(arg, &value) {
            Ok(values) => settings.push(Setting {
                long: long.to_owned(),
                values,
                origin: Origin::Variable(name),
            }),
            Err(reason) => errors.push(format!("the environment variable {name}: {reason}")),
        }
    }
    (settings, errors)
}

/// The values that a variable gives to an option.
fn values(arg: &Arg, value: &OsStr) -> Result<Vec<OsString>, String> {
    let values = match option::kind(arg) {
        Kind::Switch => vec![switch(value)?.to_string().into()],
        Kind::Count => vec![count(value)?.to_string().into()],
        Kind::One => vec![value.to_owned()],
        Kind::Many => value
            .as_bytes()
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| OsString::from_vec(line.to_owned()))
            .collect(),
    };
    for value in &values {
        option::check(arg, value)?;
    }
    Ok(values)
}

fn switch(value: &OsStr) -> Result<bool, String> {
    match &*value.to_string_lossy().to_ascii_lowercase() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("its values are true and false".to_owned()),
    }
}

/// How often an option counts as given.
fn count(value: &OsStr) -> Result<u8, String> {
    let number = value.to_str().and_then(|text| text.parse::<u8>().ok());
    match (number, switch(value)) {
        (Some(number), _) => Ok(number),
        (None, Ok(is_on)) => Ok(is_on.into()),
        (None, Err(_)) => Err("it is a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn arg(verb: &str, long: &str) -> Arg {
        let cli = crate::cli::command();
        let command = cli.find_subcommand(verb).unwrap().clone();
        option::find(&command, long)
            .or(option::find(&cli, long))
            .unwrap()
            .clone()
    }

    fn parsed(verb: &str, long: &str, value: &str) -> Result<Vec<OsString>, String> {
        values(&arg(verb, long), value.as_ref())
    }

    #[test]
    fn values_have_the_form_of_the_option() {
        for (long, value, expected) in [
            ("force", "Yes", &["true"][..]),
            ("force", "0", &["false"]),
            ("verbose", "2", &["2"]),
            ("verbose", "true", &["1"]),
            ("lock-wait", "30m", &["30m"]),
            ("tag", "a\nb, c\n", &["a", "b, c"]),
            ("sync", "false", &["false"]),
        ] {
            let expected: Vec<OsString> = expected.iter().map(OsString::from).collect();
            assert_eq!(parsed("backup", long, value), Ok(expected), "{long}");
        }
        for (long, value) in [
            ("force", "perhaps"),
            ("verbose", "-1"),
            ("lock-wait", "soon"),
            ("sync", "1"),
        ] {
            assert!(parsed("backup", long, value).is_err(), "{long}");
        }
    }

    #[test]
    fn no_two_options_have_one_variable() {
        let cli = crate::cli::command();
        let mut names: HashMap<String, String> = HashMap::new();
        for name in OF_HOOKS {
            names.insert(name.to_owned(), "hooks".to_owned());
        }
        for command in cli.get_subcommands() {
            let path = [command.get_name().to_owned()];
            for (_, long) in option::options(command) {
                for (name, what) in [
                    (name(long), format!("--{long}")),
                    (name_for(&path, long), format!("{} --{long}", path[0])),
                ] {
                    let other = names.entry(name.clone()).or_insert(what.clone());
                    assert!(*other == what || other == "hooks", "{name}: {what}");
                }
            }
        }
        assert!(names.contains_key("STONEKEEP_BACKUP_LOCK_WAIT"));
        assert_eq!(names["STONEKEEP_REPAIR_DATABASE"], "repair --database");
    }
}
