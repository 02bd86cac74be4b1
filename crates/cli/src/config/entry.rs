//! What the file says of each database: the databases that a word names, with everything that belongs to them.

use std::path::PathBuf;
use std::sync::Arc;

use stonekeep::Result;

use super::database::{Database, Place};
use super::glob::Found;
use super::hooks::Hooks;
use super::names::{is_bare_name, nearest};
use super::options::{Given, VerbOptions};
use super::prefix::Prefix;
use super::problem::{At, Problem};
use super::read::Config;
use super::repository::{Repository, Setting};
use super::schedule::Schedule;
use crate::args::retention::is_rule;

/// One database.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name; that of a database of a glob has a slash before each part.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Its repositories, at least one.
    pub(crate) targets: Vec<Target>,
    /// A pattern found it: it may be gone by now.
    pub(crate) is_found: bool,
    pub(crate) hooks: Hooks,
    pub(crate) schedule: Schedule,
    pub(crate) at: At,
    /// Of the database, and for all databases.
    options: [Arc<VerbOptions>; 2],
    /// Options of `check` that follow from the schedule.
    scheduled: Vec<Given>,
}

/// Where the backups of a database are.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The name of the repository, if the file has a table for it.
    pub(crate) name: Option<String>,
    /// A path or a URL.
    pub(crate) location: String,
    /// The place that several databases share; else the location.
    pub(crate) shared: String,
    pub(crate) settings: Vec<Setting>,
    pub(crate) options: VerbOptions,
    pub(crate) at: At,
}

impl Entry {
    /// The options of a command for this database: the table of the database counts before that of the repository, and that before
    /// the defaults. What `check` judges by follows from the schedule, too.
    pub(crate) fn options<'e>(&'e self, target: Option<&'e Target>, verb: &str) -> Vec<&'e Given> {
        let [own, defaults] = &self.options;
        let mut options = match target {
            Some(target) => by_rank([own, &target.options, defaults], verb),
            None => by_rank([&**own, defaults], verb),
        };
        if verb == "check" {
            add(&mut options, &self.scheduled);
        }
        options
    }
}

/// Each option as the first table has it that has it. `check` has the rules of `purge`, too, unless it is told others.
fn by_rank<'o, const N: usize>(tables: [&'o VerbOptions; N], verb: &str) -> Vec<&'o Given> {
    let mut options: Vec<&Given> = Vec::new();
    for table in tables {
        add(&mut options, table.of(verb));
    }
    if verb == "check" {
        let rules = by_rank(tables, "purge").into_iter();
        add(&mut options, rules.filter(|given| is_rule(&given.long)));
    }
    options
}

/// Adds the options that are not there yet.
fn add<'o>(options: &mut Vec<&'o Given>, others: impl IntoIterator<Item = &'o Given>) {
    for given in others {
        if options.iter().all(|other| other.long != given.long) {
            options.push(given);
        }
    }
}

impl Target {
    /// A path or a URL that was typed for a database.
    pub(crate) fn literal(location: &str, entry: &Entry) -> Self {
        Target {
            name: None,
            location: location.to_owned(),
            shared: location.to_owned(),
            settings: Vec::new(),
            options: VerbOptions::default(),
            at: entry.at,
        }
    }
}

impl Config {
    /// Every database, in the order of the file; patterns are looked up now.
    pub(crate) fn all(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for database in &self.databases {
            entries.extend(self.entries(database)?);
        }
        Ok(entries)
    }

    /// The databases that a word names, `None` if it is no name here. A pattern's name stands for all that it matches.
    pub(crate) fn named(&self, word: &str) -> Result<Option<Vec<Entry>>> {
        if let Some(database) = self.databases.iter().find(|database| database.name == word) {
            return self.entries(database).map(Some);
        }
        let Some((first, _)) = word.split_once('/') else {
            return Ok(None);
        };
        let is_it = |database: &&Database| database.name == first && database.parts() > 0;
        let Some(database) = self.databases.iter().find(is_it) else {
            return Ok(None);
        };
        let mut entries = self.entries(database)?;
        entries.retain(|entry| entry.name == word);
        Ok(Some(entries))
    }

    /// Whether a word is the name of a pattern, which stands for any number of databases.
    pub(crate) fn is_pattern(&self, word: &str) -> bool {
        let is_it = |database: &Database| database.name == word && database.parts() > 0;
        self.databases.iter().any(is_it)
    }

    /// The name of a database or repository that a word is most like.
    pub(crate) fn nearest(&self, word: &str) -> Option<&str> {
        let databases = self.databases.iter().map(|database| &*database.name);
        let repositories = self.repositories.iter().map(|repository| &*repository.name);
        nearest(word, databases.chain(repositories))
    }

    /// `FILE:LINE:COLUMN`
    pub(crate) fn place(&self, at: At) -> String {
        format!("{}:{}:{}", self.path.display(), at.line, at.column)
    }

    /// The options of a command for a repository without a database: its table counts before the defaults.
    pub(crate) fn options<'c>(&'c self, target: &'c Target, verb: &str) -> Vec<&'c Given> {
        by_rank([&target.options, &self.defaults], verb)
    }

    /// Every place for repositories.
    pub(crate) fn places(&self) -> impl Iterator<Item = Target> {
        self.repositories.iter().map(|repository| target(repository, ""))
    }

    /// The repository of this name, without a prefix.
    pub(crate) fn repository(&self, name: &str) -> Option<Target> {
        let repository = self.find_repository(name)?;
        Some(target(repository, ""))
    }

    /// Where a database is in the repository of this name.
    pub(crate) fn target_in(&self, name: &str, entry: &Entry) -> Option<Target> {
        let first = entry.name.split('/').next()?;
        let database = self.databases.iter().find(|database| database.name == first)?;
        let parts: Vec<String> = entry.name.split('/').skip(1).map(str::to_owned).collect();
        Some(target(self.find_repository(name)?, &path_of(database, &parts)))
    }

    fn find_repository(&self, name: &str) -> Option<&Repository> {
        self.repositories
            .iter()
            .find(|repository| repository.name == name)
    }

    fn entries(&self, database: &Database) -> Result<Vec<Entry>> {
        Ok(match &database.place {
            None => Vec::new(),
            Some(Place::Directory(path)) => vec![self.entry(database, path.clone(), &[])],
            Some(Place::Glob(pattern)) => {
                let found = pattern.find()?;
                let entry = |Found { path, parts }| self.entry(database, path, &parts);
                found.into_iter().map(entry).collect()
            }
        })
    }

    fn entry(&self, database: &Database, path: PathBuf, parts: &[String]) -> Entry {
        let mut name = database.name.clone();
        for part in parts {
            name = format!("{name}/{part}");
        }
        let below = path_of(database, parts);
        let targets = database.repositories.iter();
        let targets = targets.filter_map(|(text, at)| self.target(text, *at, (database, &below)));
        let schedule = database.schedule.or(self.schedule);
        Entry {
            scheduled: schedule.of_check(&format!("database.{name}.schedule"), database.at),
            name,
            path,
            targets: targets.collect(),
            is_found: !parts.is_empty(),
            hooks: database.hooks.or(&self.hooks),
            schedule,
            at: database.at,
            options: [Arc::clone(&database.options), Arc::clone(&self.defaults)],
        }
    }

    fn target(&self, text: &str, at: At, (database, below): (&Database, &str)) -> Option<Target> {
        if is_bare_name(text) {
            let found = target(self.find_repository(text)?, below);
            return Some(Target { at, ..found });
        }
        // A path or URL in the database's own table is its repository, unless a prefix is asked for or needed.
        let has_prefix = database.prefix.is_some() || database.parts() > 0;
        Some(Target {
            name: None,
            location: join(text, if has_prefix { below } else { "" }),
            shared: text.to_owned(),
            settings: Vec::new(),
            options: VerbOptions::default(),
            at,
        })
    }
}

/// The path of a database below the place of a repository.
fn path_of(database: &Database, parts: &[String]) -> String {
    match &database.prefix {
        Some(prefix) => prefix.path(parts),
        None => Prefix::default_for(&database.name, parts.len()).path(parts),
    }
}

fn target(repository: &Repository, below: &str) -> Target {
    let shared = repository.location.clone().unwrap_or_default();
    Target {
        name: Some(repository.name.clone()),
        location: join(&shared, below),
        shared,
        settings: repository.settings.clone(),
        options: repository.options.clone(),
        at: repository.at,
    }
}

fn join(place: &str, below: &str) -> String {
    match below {
        "" => place.to_owned(),
        below => format!("{}/{below}", place.trim_end_matches('/')),
    }
}

/// Each database must have a repository of its own, and none inside another one. Those of patterns differ by their parts.
pub(super) fn check_places(config: &Config, problems: &mut Vec<Problem>) {
    let mut places = Vec::new();
    for database in config.databases.iter().filter(|database| database.parts() == 0) {
        let below = path_of(database, &[]);
        for (text, at) in &database.repositories {
            if let Some(target) = config.target(text, *at, (database, &below)) {
                let location = format!("{}/", target.location.trim_end_matches('/'));
                places.push((location, *at, &database.name));
            }
        }
    }
    // What is inside a place comes right behind it, and two that are the same come in the order of the file.
    places.sort();
    for pair in places.windows(2) {
        let [(outer, _, first), (inner, at, second)] = pair else {
            continue;
        };
        let message = if inner == outer {
            format!("database.{second}.repository: database.{first} has the same repository")
        } else if inner.starts_with(outer) {
            format!("database.{second}.repository: this place is inside the repository of database.{first}")
        } else {
            continue;
        };
        let hint = "give each database a place of its own, by its prefix or by another path";
        problems.push(Problem::new(*at, message).with_hint(hint));
    }
}
