//! Reads the tables `[database.NAME]`: a directory or a pattern of directories, its repositories, and options for it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Command;
use toml::de::{DeTable, DeValue};

use super::glob::PathPattern;
use super::hooks::Hooks;
use super::names::is_bare_name;
use super::options::{VerbOptions, verb_names, verbs_with_hooks};
use super::prefix::Prefix;
use super::problem::{At, Problem};
use super::repository::has_no_secret;
use super::schedule::Schedule;
use super::table::{Reader, Value};
use crate::args::place::scheme;

/// A database, or the databases that a pattern matches.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) at: At,
    pub(super) place: Option<Place>,
    /// Names of repositories, paths or URLs, in the order of the file.
    pub(super) repositories: Vec<(String, At)>,
    /// Below the repository of a name; `None` is the name of the database.
    pub(super) prefix: Option<Prefix>,
    pub(super) options: Arc<VerbOptions>,
    pub(super) hooks: Hooks,
    pub(super) schedule: Schedule,
}

/// Where a database is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Directory(PathBuf),
    Glob(PathPattern),
}

const KEYS: [&str; 6] = ["path", "glob", "repository", "prefix", "hooks", "schedule"];

impl Database {
    pub(super) fn read<'t>(
        reader: &mut Reader<'t>,
        (name, at): (&str, At),
        (table, cli): (&DeTable<'t>, &Command),
    ) -> Self {
        let place = format!("database.{name}");
        let mut database = Database {
            name: name.to_owned(),
            at,
            place: read_place(reader, (&place, at), table),
            repositories: Vec::new(),
            prefix: None,
            options: Arc::default(),
            hooks: Hooks::default(),
            schedule: Schedule::default(),
        };
        let mut options = VerbOptions::default();
        for (key, value) in table {
            let what = format!("{place}.{}", key.get_ref());
            match &**key.get_ref() {
                "path" | "glob" => {}
                "repository" => database.repositories = repositories(reader, value, &what),
                "prefix" => database.prefix = prefix(reader, value, (&what, database.parts())),
                "hooks" => {
                    if let Some(table) = reader.table(value, &what) {
                        database.hooks = Hooks::read(reader, table, (&what, &verbs_with_hooks(cli)));
                    }
                }
                "schedule" => {
                    if let Some(table) = reader.table(value, &what) {
                        database.schedule = Schedule::read(reader, table, &what);
                    }
                }
                other => {
                    if !options.read(reader, (key, value), (&place, cli)) {
                        let known = KEYS.into_iter().chain(verb_names(cli));
                        reader.unknown(key.span(), (other, &place), known);
                    }
                }
            }
        }
        database.options = Arc::new(options);
        if !table.contains_key("repository") {
            let problem = Problem::new(at, format!("{place} has no repository"));
            reader.problem(problem.with_hint("add repository = \"NAME\", or a path or a URL"));
        }
        database
    }

    /// How many parts its prefix has: one for each wildcard.
    pub(super) fn parts(&self) -> usize {
        match &self.place {
            Some(Place::Glob(pattern)) => pattern.number_of_parts(),
            _ => 0,
        }
    }
}

fn read_place<'t>(reader: &mut Reader<'t>, (place, at): (&str, At), table: &DeTable<'t>) -> Option<Place> {
    match (table.get("path"), table.get("glob")) {
        (Some(path), None) => reader.path(path, &format!("{place}.path")).map(Place::Directory),
        (None, Some(glob)) => {
            let what = format!("{place}.glob");
            match PathPattern::parse(reader.string(glob, &what)?) {
                Ok(pattern) => Some(Place::Glob(pattern)),
                Err(reason) => {
                    reader.wrong(glob.span(), format!("{what} {reason}"));
                    None
                }
            }
        }
        (None, None) => {
            let problem = Problem::new(at, format!("{place} has no path"));
            reader.problem(
                problem.with_hint(
                    "add path = \"/directory\", or glob = \"/directories/*\" for several databases",
                ),
            );
            None
        }
        (Some(_), Some(glob)) => {
            reader.wrong(
                glob.span(),
                format!("{place} has a path and a glob: use one of them"),
            );
            None
        }
    }
}

fn repositories<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Vec<(String, At)> {
    let mut repositories: Vec<(String, At)> = Vec::new();
    for (text, at) in reader.strings(value, what) {
        if repositories.iter().any(|(other, _)| *other == text) {
            reader.problem(Problem::new(at, format!("{what} names {text:?} twice")));
            continue;
        }
        if is_bare_name(&text) || text.starts_with('/') {
            repositories.push((text, at));
        } else if scheme(&text).is_some() {
            if has_no_secret(reader, &text, (what, at)) {
                repositories.push((text, at));
            }
        } else {
            let message = format!("{what}: {text:?} is no name, no absolute path and no URL");
            reader.problem(Problem::new(at, message));
        }
    }
    if let DeValue::Array(items) = value.get_ref()
        && items.is_empty()
    {
        reader.wrong(value.span(), format!("{what} names no repository"));
    }
    repositories
}

fn prefix<'t>(reader: &mut Reader<'t>, value: &Value<'t>, (what, parts): (&str, usize)) -> Option<Prefix> {
    let text = reader.string(value, what)?;
    match Prefix::parse(text, parts) {
        Ok(prefix) => Some(prefix),
        Err(reason) => {
            reader.wrong(value.span(), format!("{what}: {reason}"));
            None
        }
    }
}
