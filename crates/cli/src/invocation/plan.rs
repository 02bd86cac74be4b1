//! Makes the jobs of a command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Command;
use stonekeep::Error;

use super::databases::{self, DIRECTORY, Named, VERIFY, may_be_name};
use super::job::{Job, PLACES, Place};
use super::layers::{Origin, Setting, effective};
use super::typed::Typed;
use super::variables;
use crate::args::path::wants_a_path;
use crate::config::{Config, Entry, Given, Target, parse, place};
use crate::option;
use crate::usage_error::UsageError;

/// The command that looks at the directory of the database beside its repository, and its option for that.
const WITH_DATABASE: (&str, &str) = ("repair", DIRECTORY);

/// Commands for which one database must be named, since what they are told is of one.
pub(crate) const ONE_AT_A_TIME: [&str; 8] = [
    "restore", "open", "diff", "delete", "undelete", "hold", "release", "show",
];

/// The identity of the option `--all` where it means all databases only.
pub(crate) const EVERY: &str = "every database";

/// What is to be run.
#[derive(Debug)]
pub(crate) enum Plan {
    /// The command line as it was typed.
    AsTyped,
    /// One job, or one for each of several databases.
    Jobs { jobs: Vec<Job>, are_several: bool },
}

/// Understands a command line. What it cannot read is left to the parser.
pub(crate) fn understand(cli: &Command, words: &[OsString]) -> anyhow::Result<Plan> {
    let Some(typed) = Typed::parse(cli, words) else {
        return Ok(Plan::AsTyped);
    };
    let (variables, errors) = variables::settings((&typed.path, typed.command), cli, |long| {
        typed.option(long).is_some()
    });
    if !errors.is_empty() {
        return Err(UsageError::new(errors.join("; ")).into());
    }
    let all = wants_all(&typed, &variables);
    let given = |long: &str| {
        let variable = || variables.iter().find(|setting| setting.long == long);
        let typed = typed.option(long);
        typed.or_else(|| variable().map(|setting| &*setting.values))
    };
    let is_of_directory = is_of_directory(&typed);
    let repo = if is_of_directory {
        typed.option("repo")
    } else {
        given("repo")
    };
    let named_file = given("config");
    let directories = given(DIRECTORY).filter(|_| option::takes_a_repository(typed.command));
    let directories = directories.unwrap_or_default();
    let mut context = Context {
        typed: &typed,
        variables: &variables,
        config: None,
    };
    let needs_a_file = all || may_name(&typed, repo) || directories.iter().any(may_be_name);
    let config = if needs_a_file {
        load((cli, &typed), named_file, all)?
    } else {
        None
    };
    let Some(config) = config else {
        return Ok(if variables.is_empty() {
            Plan::AsTyped
        } else {
            context.one(Named {
                words: typed.words.clone(),
                ..Named::default()
            })
        });
    };
    let named = databases::resolve(&config, &typed, (repo, directories), all)?;
    context.config = Some(Arc::new(config));
    if !named.is_named && !named.are_several {
        let is_as_typed = named.places.is_empty() && named.directories.is_empty() && variables.is_empty();
        return Ok(if is_as_typed {
            Plan::AsTyped
        } else {
            context.one(named)
        });
    }
    context.for_each(named)
}

/// Whether every database of the file is meant. `verify --all` with a repository means all its backups.
fn wants_all(typed: &Typed<'_>, variables: &[Setting]) -> bool {
    let is_on = |values: &[OsString]| values.iter().any(|value| value == "true");
    let variable = variables.iter().find(|setting| setting.long == "all");
    let variable = variable.map(|setting| &*setting.values);
    if !typed.option("all").or(variable).is_some_and(is_on) || !option::takes_a_repository(typed.command) {
        return false;
    }
    if is_of_directory(typed) {
        return false;
    }
    let is_only_that = option::find(typed.command, "all").is_some_and(|arg| arg.get_id() == EVERY);
    let has_repository =
        typed.option("repo").is_some() || variables.iter().any(|setting| setting.long == "repo");
    is_only_that || (!has_repository && typed.words.is_empty())
}

/// Whether it is about a directory, not about backups of databases of the file; the parser refuses both together.
fn is_of_directory(typed: &Typed<'_>) -> bool {
    typed.verb() == VERIFY && typed.option(DIRECTORY).is_some()
}

/// Whether a word may be a name of the file.
fn may_name(typed: &Typed<'_>, repo: Option<&[OsString]>) -> bool {
    let takes_one = option::takes_a_repository(typed.command);
    let word = typed.words.first().filter(|_| takes_one);
    let repo = repo.filter(|_| takes_one).unwrap_or_default();
    let places = PLACES[1..].iter().filter_map(|(option, store_option)| {
        option::find(typed.command, store_option)?;
        typed.option(option)
    });
    word.into_iter()
        .chain(repo)
        .chain(places.flatten())
        .any(may_be_name)
}

fn load(
    (cli, typed): (&Command, &Typed<'_>),
    named: Option<&[OsString]>,
    is_needed: bool,
) -> anyhow::Result<Option<Config>> {
    let named = named.and_then(|values| values.first()).map(PathBuf::from);
    let Some(found) = place::find(named.as_deref())? else {
        if !is_needed {
            return Ok(None);
        }
        let error = Error::not_found("--all is for the databases of a configuration file, and there is none");
        return Err(error.with_hint(place::advice()).into());
    };
    let (config, problems) = parse(found, cli);
    if problems.list.is_empty() {
        return Ok(Some(config));
    }
    let mut error = UsageError::from(problems);
    // Without a name the file would not matter.
    if let Some(word) = typed.words.first().filter(|word| Path::new(word).exists()) {
        let path = format!("for the path {}, put ./ before it", word.to_string_lossy());
        error.hint = Some(error.hint.map_or(path.clone(), |hint| format!("{hint}; {path}")));
    }
    Err(error.into())
}

/// What all jobs have in common.
struct Context<'t> {
    typed: &'t Typed<'t>,
    variables: &'t [Setting],
    config: Option<Arc<Config>>,
}

impl Context<'_> {
    /// The job of a command line that names no database.
    fn one(&self, named: Named) -> Plan {
        let target = named.places.iter().find(|place| place.option == "repo");
        let target = target.map(|place| &place.target);
        let file = match (&self.config, target) {
            (Some(config), Some(target)) => config.options(target, self.typed.verb()),
            _ => named.options_of_directory(self.typed.verb()),
        };
        let settings = self.settings(&named, (&file, false));
        let job = Job {
            entry: None,
            path: self.typed.path.clone(),
            settings,
            words: named.words,
            places: named.places,
            config: self.config.clone(),
        };
        Plan::Jobs {
            jobs: vec![job],
            are_several: false,
        }
    }

    /// A job for each database and each of its repositories; a backup goes into several at once.
    fn for_each(&self, named: Named) -> anyhow::Result<Plan> {
        let is_by_word = !named.entries.is_empty();
        let entries = if is_by_word {
            &named.entries
        } else {
            &named.of_repo
        };
        if entries.is_empty() {
            let what = self
                .typed
                .words
                .first()
                .map(|word| word.to_string_lossy().into_owned());
            let what = what.unwrap_or_else(|| "the file".to_owned());
            return Err(Error::not_found(format!("{what} names no database that is there")).into());
        }
        self.check_words(&named, is_by_word)?;
        if is_of_directory(self.typed) {
            let error = UsageError::new("--database is about a database, and a name about its backups");
            return Err(error
                .with_hint("verify one of them: verify NAME, or verify --database NAME")
                .into());
        }
        let mut jobs = Vec::new();
        for entry in entries {
            let targets = self.targets(entry, (&named, is_by_word, entries.len()))?;
            for targets in self.together(entry, targets) {
                jobs.push(self.job(entry, targets, &named));
            }
        }
        let are_several = named.are_several || jobs.len() > 1;
        let verb = self.typed.verb();
        if are_several && ONE_AT_A_TIME.contains(&verb) {
            let error = UsageError::new(format!("{verb} is for one database in one repository"));
            return Err(error
                .with_hint("name one database, and one of its repositories with --repo")
                .into());
        }
        Ok(Plan::Jobs { jobs, are_several })
    }

    /// A directory beside a database, which has one.
    fn check_words(&self, named: &Named, is_by_word: bool) -> anyhow::Result<()> {
        let word = named.words.first();
        let Some(word) = word.filter(|_| !is_by_word && wants_a_path(self.typed.command)) else {
            return Ok(());
        };
        let word = word.to_string_lossy();
        let message =
            format!("--repo names a database of the configuration file, and {word} is another directory");
        let hint = format!("leave out {word}, or name the repository by its path or URL");
        Err(UsageError::new(message).with_hint(hint).into())
    }

    /// The repositories of a database: those that `--repo` names, else its own.
    fn targets(
        &self,
        entry: &Entry,
        (named, is_by_word, count): (&Named, bool, usize),
    ) -> anyhow::Result<Vec<Target>> {
        let Some(values) = self.typed.option("repo").filter(|_| is_by_word) else {
            return Ok(entry.targets.clone());
        };
        let mut targets = Vec::new();
        for value in values {
            let text = value.to_string_lossy();
            let config = self.config.as_deref();
            let below = config.and_then(|config| config.target_in(&text, entry));
            if below.is_none() && (count > 1 || !named.of_repo.is_empty()) {
                let message = format!("--repo {text} is no repository of the configuration file");
                let hint = "a path or a URL is the repository of one database";
                return Err(UsageError::new(message).with_hint(hint).into());
            }
            targets.push(below.unwrap_or_else(|| Target::literal(&text, entry)));
        }
        Ok(targets)
    }

    /// The repositories of each job: a backup is made in all those together for which the file says the same.
    fn together(&self, entry: &Entry, targets: Vec<Target>) -> Vec<Vec<Target>> {
        let verb = self.typed.verb();
        let mut jobs: Vec<Vec<Target>> = Vec::new();
        for target in targets {
            let is_same = |first: &Target| {
                let [one, other] = [first, &target].map(|target| entry.options(Some(target), verb));
                let values = |given: &Given| (given.long.clone(), given.values.clone());
                one.into_iter().map(values).eq(other.into_iter().map(values))
            };
            let mut of_backup = jobs.iter_mut().filter(|_| verb == "backup");
            match of_backup.find(|job| job.first().is_some_and(is_same)) {
                Some(job) => job.push(target),
                None => jobs.push(vec![target]),
            }
        }
        jobs
    }

    fn job(&self, entry: &Entry, targets: Vec<Target>, named: &Named) -> Job {
        let file = entry.options(targets.first(), self.typed.verb());
        let mut words = named.words.clone();
        if wants_a_path(self.typed.command) {
            words.insert(0, entry.path.clone().into());
        }
        let mut settings = self.settings(named, (&file, true));
        settings.extend(self.database(entry, &settings));
        let repositories = targets.into_iter().map(|target| Place {
            option: "repo",
            store_option: "store-option",
            target,
        });
        let others = named.places.iter().filter(|place| place.option != "repo");
        let places = repositories.chain(others.map(|place| self.place_of(entry, place)));
        Job {
            settings,
            entry: Some(entry.clone()),
            path: self.typed.path.clone(),
            words,
            places: places.collect(),
            config: self.config.clone(),
        }
    }

    /// The directory of the database, for the command that looks at it.
    fn database(&self, entry: &Entry, settings: &[Setting]) -> Option<Setting> {
        let (verb, option) = WITH_DATABASE;
        let is_given = settings.iter().any(|setting| setting.long == option);
        let is_wanted = self.typed.verb() == verb && !is_given && entry.path.is_dir();
        is_wanted.then(|| Setting {
            long: option.to_owned(),
            values: vec![entry.path.clone().into()],
            origin: Origin::File {
                key: "path".to_owned(),
                at: entry.at,
            },
        })
    }

    /// Another repository: if it is that of several databases, where this one's backups are there.
    fn place_of(&self, entry: &Entry, place: &Place) -> Place {
        let below = || {
            let (config, name) = (self.config.as_deref()?, place.target.name.as_deref()?);
            let whole = config.repository(name)?;
            let is_whole = whole.location == place.target.location;
            config.target_in(name, entry).filter(|_| is_whole)
        };
        let below = below();
        Place {
            target: below.unwrap_or_else(|| place.target.clone()),
            ..place.clone()
        }
    }

    /// The options of a job, without those that the file's repositories take the place of.
    fn settings(&self, named: &Named, (file, has_entry): (&[&crate::config::Given], bool)) -> Vec<Setting> {
        let is_replaced = |long: &str| {
            let by_place = named.places.iter().any(|place| place.option == long);
            by_place
                || (has_entry && long == "repo")
                || (has_entry && long == "all" && !self.keeps_all(named))
        };
        let typed = self.typed.options.iter();
        let typed = typed
            .filter(|(long, _)| !is_replaced(long))
            .map(|(long, values)| Setting {
                long: long.clone(),
                values: named.values_of(long, values),
                origin: Origin::CommandLine,
            });
        let has_repository = has_entry || named.places.iter().any(|place| place.option == "repo");
        let is_other = |long: &str| long == DIRECTORY && has_repository && self.typed.verb() == VERIFY;
        let variables = self
            .variables
            .iter()
            .filter(|setting| !is_replaced(&setting.long) && !is_other(&setting.long));
        let variables = variables.map(|setting| Setting {
            values: named.values_of(&setting.long, &setting.values),
            ..setting.clone()
        });
        let variables: Vec<Setting> = variables.collect();
        let has_words = !named.words.is_empty();
        effective(self.typed.command, (typed.collect(), has_words), &variables, file)
    }

    /// Whether `--all` is about the backups of each database, as in `verify app --all`.
    fn keeps_all(&self, named: &Named) -> bool {
        let own = option::find(self.typed.command, "all").is_some_and(|arg| arg.get_id() != EVERY);
        own && !(named.are_several && self.typed.words.is_empty())
    }
}
