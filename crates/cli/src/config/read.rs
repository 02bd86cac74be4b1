//! What the configuration file says: the tables at its root.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Command;
use toml::de::{DeTable, DeValue};

use super::database::Database;
use super::hooks::Hooks;
use super::names::{did_you_mean, fault, is_bare_name};
use super::options::{VerbOptions, verb_names, verbs_with_hooks};
use super::problem::{At, Problem};
use super::repository::Repository;
use super::schedule::Schedule;
use super::table::{Reader, Value};

/// What the file says.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    pub(super) defaults: Arc<VerbOptions>,
    pub(super) hooks: Hooks,
    pub(super) schedule: Schedule,
    pub(super) repositories: Vec<Repository>,
    pub(super) databases: Vec<Database>,
}

const KEYS: [&str; 4] = ["database", "repository", "defaults", "hooks"];

impl Config {
    /// What an empty file says.
    pub(super) fn new(path: PathBuf) -> Self {
        Config {
            path,
            defaults: Arc::default(),
            hooks: Hooks::default(),
            schedule: Schedule::default(),
            repositories: Vec::new(),
            databases: Vec::new(),
        }
    }

    /// Reads the tables.
    pub(super) fn fill<'t>(&mut self, reader: &mut Reader<'t>, root: &DeTable<'t>, cli: &Command) {
        for (key, value) in root {
            let name = &**key.get_ref();
            let Some(table) = reader.table(value, name).filter(|_| KEYS.contains(&name)) else {
                if !KEYS.contains(&name) && matches!(value.get_ref(), DeValue::Table(_)) {
                    reader.unknown(key.span(), (name, "the file"), KEYS);
                }
                continue;
            };
            match name {
                "hooks" => self.hooks = Hooks::read(reader, table, (name, &verbs_with_hooks(cli))),
                "defaults" => self.read_defaults(reader, table, cli),
                "repository" => {
                    for (name, at, table) in named(reader, table, name) {
                        let repository = Repository::read(reader, (&name, at), (table, cli));
                        self.repositories.push(repository);
                    }
                }
                _ => {
                    for (name, at, table) in named(reader, table, name) {
                        let database = Database::read(reader, (&name, at), (table, cli));
                        self.databases.push(database);
                    }
                }
            }
        }
    }

    fn read_defaults<'t>(&mut self, reader: &mut Reader<'t>, table: &DeTable<'t>, cli: &Command) {
        let mut options = VerbOptions::default();
        for (key, value) in table {
            let name = &**key.get_ref();
            if name == "schedule" {
                let place = "defaults.schedule";
                if let Some(table) = reader.table(value, place) {
                    self.schedule = Schedule::read(reader, table, place);
                }
            } else if !options.read(reader, (key, value), ("defaults", cli)) {
                let known = verb_names(cli).into_iter().chain(["schedule"]);
                reader.unknown(key.span(), (name, "defaults"), known);
            }
        }
        self.defaults = Arc::new(options);
    }

    /// Repositories that databases name must be there.
    pub(super) fn check_names(&self, reader: &mut Reader<'_>) {
        let names = || self.repositories.iter().map(|repository| &*repository.name);
        for database in &self.databases {
            for (text, at) in &database.repositories {
                if is_bare_name(text) && names().all(|name| name != text) {
                    let message = format!(
                        "database.{}.repository: there is no table [repository.{text}]",
                        database.name
                    );
                    let hint = did_you_mean(text, names());
                    let hint = hint.or_else(|| Some("a directory is written as an absolute path".to_owned()));
                    reader.problem(Problem::new(*at, message).with_hint_of(hint));
                }
            }
        }
    }
}

/// The tables below a table, each with its name.
fn named<'v, 't>(
    reader: &mut Reader<'t>,
    table: &'v DeTable<'t>,
    kind: &str,
) -> Vec<(String, At, &'v DeTable<'t>)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let at = reader.at(key.span());
        if let Some(fault) = fault(&name) {
            reader.wrong(key.span(), format!("{kind}: {name:?} is no name: {fault}"));
            continue;
        }
        let value: &'v Value<'t> = value;
        if let Some(table) = reader.table(value, &format!("{kind}.{name}")) {
            found.push((name, at, table));
        }
    }
    found
}
