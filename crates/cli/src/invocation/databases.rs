//! The databases and repositories of the configuration file that a command line names.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use stonekeep::{Error, Result};

use super::job::{PLACES, Place};
use super::typed::Typed;
use crate::args::path::wants_a_path;
use crate::args::place::scheme;
use crate::config::{Config, Entry, Given, Target, is_bare_name};
use crate::option;
use crate::usage_error::UsageError;

/// What the words of a command line name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The databases that are named as words, or all.
    pub(super) entries: Vec<Entry>,
    /// Several databases may be meant, also if there is one: the output is the same for any number.
    pub(super) are_several: bool,
    /// A word or `--repo` is a name of the file, of databases that may be gone.
    pub(super) is_named: bool,
    /// Repositories that options name, in place of their values.
    pub(super) places: Vec<Place>,
    /// The database that `--repo` names.
    pub(super) of_repo: Vec<Entry>,
    /// The database that `--from` names.
    pub(super) from: Option<Entry>,
    /// The databases that `--database` names, with the values that do.
    pub(super) directories: Vec<(OsString, Entry)>,
    /// Words that name no database.
    pub(super) words: Vec<OsString>,
}

impl Named {
    /// The values of an option; a database that `--database` names is its directory.
    pub(super) fn values_of(&self, long: &str, values: &[OsString]) -> Vec<OsString> {
        let directory = |value: &OsString| {
            let mut named = self.directories.iter();
            let (_, entry) = named.find(|(name, _)| name == value && long == DIRECTORY)?;
            Some(entry.path.clone().into())
        };
        let values = values.iter();
        values
            .map(|value| directory(value).unwrap_or_else(|| value.clone()))
            .collect()
    }

    /// The options of `verify` for a database that `--database` names, and where its backups look for its files.
    pub(super) fn options_of_directory(&self, verb: &str) -> Vec<&Given> {
        let (VERIFY, [(_, entry)]) = (verb, &self.directories[..]) else {
            return Vec::new();
        };
        let mut options = entry.options(None, verb);
        let of_backup = entry.options(None, "backup").into_iter();
        let is_place = |given: &&Given| matches!(given.long.as_str(), "wal-dir" | "db-path");
        let is_new = |given: &&Given| options.iter().all(|known| known.long != given.long);
        let places: Vec<&Given> = of_backup.filter(is_place).filter(is_new).collect();
        options.extend(places);
        options
    }
}

/// The option whose values are directories of databases.
pub(super) const DIRECTORY: &str = "database";

/// The command that looks at such a directory instead of a repository.
pub(super) const VERIFY: &str = "verify";

/// Whether a word may be a name in the file: `app`, `streams/0_1/store`, but not `latest` or `7`.
pub(super) fn may_be_name(word: &OsString) -> bool {
    let Some(text) = word.to_str() else {
        return false;
    };
    let mut parts = text.split('/');
    let first = parts.next().unwrap_or_default();
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    is_bare_name(first) && crate::config::is_free(first) && parts.all(is_part) && scheme(text).is_none()
}

/// Looks up what the words name.
pub(super) fn resolve(
    config: &Config,
    typed: &Typed<'_>,
    (repo, directories): (Option<&[OsString]>, &[OsString]),
    all: bool,
) -> anyhow::Result<Named> {
    let mut named = Named::default();
    let (mut words, mut count) = (typed.words.iter().peekable(), 0);
    if option::takes_a_repository(typed.command) {
        while let Some(word) = words.peek()
            && let Some(entries) = entries(config, word)?
        {
            named.are_several |= word.to_str().is_some_and(|word| config.is_pattern(word));
            add(&mut named.entries, entries);
            words.next();
            count += 1;
        }
    }
    named.is_named = count > 0;
    named.words = words.cloned().collect();
    named.are_several |= count > 1 || all;
    if all {
        if count > 0 {
            return Err(UsageError::new("--all cannot be used with the names of databases").into());
        }
        named.entries = config.all()?;
    }
    check_word(config, typed, &named)?;
    for (option, store_option) in PLACES {
        let values = match option {
            "repo" => repo,
            _ => typed
                .option(option)
                .filter(|_| has_place(typed.command, store_option)),
        };
        let values = values.unwrap_or_default();
        let (mut databases, places) = (0, named.places.len());
        for value in values {
            databases += usize::from(place(config, (option, store_option), value, &mut named)?);
        }
        let places = named.places.len() - places;
        if option == "from" && places > 0 && places < values.len() {
            let message = "--from names both repositories of the configuration file and places";
            let hint = "give each place a name there, or leave names out";
            return Err(UsageError::new(message).with_hint(hint).into());
        }
        if option == "repo" && databases > 0 && databases < values.len() {
            let error = UsageError::new("--repo names both databases and repositories");
            let hint = "name the databases first: stonekeep backup DATABASE --repo REPOSITORY";
            return Err(error.with_hint(hint).into());
        }
        named.are_several |= option == "repo" && databases > 1;
    }
    for value in directories {
        if let Some(entries) = entries(config, value)? {
            let entry = only_one(DIRECTORY, &value.to_string_lossy(), &entries)?;
            named.directories.push((value.clone(), entry.clone()));
        }
    }
    Ok(named)
}

/// Adds databases that are not there yet.
fn add(entries: &mut Vec<Entry>, more: Vec<Entry>) {
    for entry in more {
        if entries.iter().all(|other| other.name != entry.name) {
            entries.push(entry);
        }
    }
}

fn has_place(command: &Command, store_option: &str) -> bool {
    option::find(command, store_option).is_some()
}

fn entries(config: &Config, word: &OsString) -> Result<Option<Vec<Entry>>> {
    match word.to_str().filter(|_| may_be_name(word)) {
        Some(word) => config.named(word),
        None => Ok(None),
    }
}

/// Reports a name that is probably misspelt: where a directory is wanted that is not there, or where a backup is wanted.
fn check_word(config: &Config, typed: &Typed<'_>, named: &Named) -> anyhow::Result<()> {
    let Some(word) = named.words.first().filter(|word| may_be_name(word)) else {
        return Ok(());
    };
    let text = word.to_string_lossy();
    if !option::takes_a_repository(typed.command) || Path::new(word).exists() {
        return Ok(());
    }
    let known = config.nearest(&text);
    let message = format!("there is no database {text} in {}", config.path.display());
    let hint = known.map(|name| format!("did you mean {name}?"));
    match (wants_a_path(typed.command), hint) {
        (true, hint) => {
            let hint = hint.unwrap_or_else(|| "a path begins with / or ./".to_owned());
            Err(
                Error::not_found(format!("{message}, and no directory of that name"))
                    .with_hint(hint)
                    .into(),
            )
        }
        (false, Some(hint)) => Err(UsageError::new(message).with_hint(hint).into()),
        (false, None) => Ok(()),
    }
}

/// The repository that the value of an option names; whether the value is a database.
fn place(
    config: &Config,
    (option, store_option): (&'static str, &'static str),
    value: &OsString,
    named: &mut Named,
) -> Result<bool> {
    let Some(text) = value.to_str().filter(|_| may_be_name(value)) else {
        return Ok(false);
    };
    let place = |target: Target| Place {
        option,
        store_option,
        target,
    };
    if let Some(repository) = config.repository(text) {
        // What is copied from a database's repository goes to where the database would be there.
        let from = named.from.as_ref().filter(|_| option == "to");
        let below = from.and_then(|entry| config.target_in(text, entry));
        named.places.push(place(below.unwrap_or(repository)));
        return Ok(false);
    }
    let Some(entries) = config.named(text)? else {
        return Ok(false);
    };
    if option == "repo" {
        named.are_several |= config.is_pattern(text);
        named.is_named = true;
        add(&mut named.of_repo, entries);
        return Ok(true);
    }
    let entry = only_one(option, text, &entries)?;
    if let Some(target) = entry.targets.first() {
        named.places.push(place(target.clone()));
    }
    if option == "from" {
        named.from = Some(entry.clone());
    }
    Ok(true)
}

/// The one database that the value of an option names.
fn only_one<'e>(option: &str, text: &str, entries: &'e [Entry]) -> Result<&'e Entry> {
    let [entry] = entries else {
        let message = format!(
            "--{option} {text} names {} databases, and one is wanted",
            entries.len()
        );
        return Err(Error::invalid(message));
    };
    Ok(entry)
}
