//! `stonekeep config check`: everything that is wrong in the configuration file.

use clap::{Args, Command};
use serde::Serialize;
use serde_json::json;
use stonekeep::ErrorKind;

use crate::args::repository::{RepoArgs, parse_setting};
use crate::commands::Session;
use crate::config::problem::{Problem, Problems};
use crate::config::{Config, Entry, Target, is_database, parse, place};
use crate::exit::Exit;
use crate::invocation::Secrets;
use crate::output::failure::Failure;
use crate::output::text::{Page, Style};
use crate::output::units::count;

/// Check the configuration file
///
/// Reports everything that is wrong with its line, looks up every reference to a secret without printing the secret, and ends with exit
/// code 1 if something is wrong.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Also look for the databases, and open the repositories
    #[arg(long)]
    connect: bool,
}

/// A problem with the file that it is in.
#[derive(Serialize)]
struct ProblemJson<'a> {
    file: &'a std::path::Path,
    #[serde(flatten)]
    problem: &'a Problem,
}

pub(super) fn run(args: &CheckArgs, cli: &Command, session: &Session) -> anyhow::Result<Exit> {
    session.interrupt.install()?;
    let (config, Problems { path, mut list }) = parse(place::require(session.config.as_deref())?, cli);
    let entries = config.all()?;
    let mut opener = Opener {
        config: &config,
        session,
        secrets: Secrets::default(),
    };
    for entry in &entries {
        check_references(entry, &mut list);
        if args.connect {
            check_database(entry, &mut list);
        }
    }
    for target in config.places() {
        check_settings(&target, &mut opener, &mut list);
    }
    if args.connect {
        for entry in &entries {
            check_repositories(entry, &mut opener, &mut list);
        }
    }
    // One repository of many databases is named once.
    let mut problems = Problems::new(&path, list);
    problems.list.dedup();
    let document = json!({
        "config": path,
        "clean": problems.list.is_empty(),
        "problems": problems.list.iter().map(|problem| ProblemJson { file: &path, problem }).collect::<Vec<_>>(),
        "databases": entries.iter().map(|entry| &*entry.name).collect::<Vec<_>>(),
    });
    session
        .output
        .data(&document, |page| text(page, &problems, entries.len()))?;
    Ok(if problems.list.is_empty() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn text(page: &mut Page<'_>, problems: &Problems, databases: usize) {
    for problem in &problems.list {
        page.marked(Style::Bad, "error:", problems.line(problem));
        if let Some(hint) = &problem.hint {
            page.marked(Style::Hint, "  hint:", hint);
        }
    }
    let path = problems.path.display();
    let databases = count(databases as u64, "database");
    page.line(match problems.list.len() {
        0 => format!("{path}: {databases}, nothing is wrong"),
        wrong => format!("{path}: {databases}, {}", count(wrong as u64, "problem")),
    });
}

fn check_references(entry: &Entry, list: &mut Vec<Problem>) {
    if let Some((url, at)) = &entry.hooks.ping_url
        && let Err(reason) = url.resolve()
    {
        list.push(Problem::new(*at, format!("ping-url has no value: {reason}")));
    }
}

/// Looks up the secrets of a place, and has its store read the settings, without a connection.
fn check_settings(target: &Target, opener: &mut Opener<'_>, list: &mut Vec<Problem>) {
    let known = list.len();
    for setting in &target.settings {
        if let Err(reason) = opener.secrets.value(target, setting) {
            let message = format!("{} has no value: {reason}", setting.key);
            list.push(Problem::new(setting.at, message));
        }
    }
    if list.len() > known {
        return;
    }
    let Some(repository) = opener.repository(target).filter(|_| !target.location.is_empty()) else {
        return;
    };
    if let Err(error) = repository.store(&opener.session.engine_options()) {
        let failure = Failure::new(&error);
        let name = target.name.as_deref().unwrap_or(&target.location);
        let message = format!("repository.{name}: {}", failure.message);
        list.push(Problem::new(target.at, message).with_hint_of(failure.hint));
    }
}

/// What repositories are opened with. A secret is looked up once for all of them.
struct Opener<'c> {
    config: &'c Config,
    session: &'c Session,
    secrets: Secrets,
}

impl Opener<'_> {
    /// The repository at a place; `None` if a setting of its store has no value.
    fn repository(&mut self, target: &Target) -> Option<RepoArgs> {
        let settings = self.secrets.settings(self.config, target).ok()?;
        let settings = settings.iter().map(|setting| parse_setting(setting).ok());
        let settings = settings.collect::<Option<Vec<_>>>()?;
        Some(RepoArgs::at(target.location.clone().into(), settings))
    }
}

fn check_database(entry: &Entry, list: &mut Vec<Problem>) {
    if !is_database(&entry.path) {
        let message = format!("there is no database in {}", entry.path.display());
        list.push(Problem::new(entry.at, message));
    }
}

/// Opens the repositories. One that is not there yet is made by the first backup.
fn check_repositories(entry: &Entry, opener: &mut Opener<'_>, list: &mut Vec<Problem>) {
    for target in &entry.targets {
        // What has no value is reported already.
        let Some(repository) = opener.repository(target) else {
            continue;
        };
        let Err(error) = repository.open(opener.session.engine_options()) else {
            continue;
        };
        let failure = Failure::new(&error);
        if failure.kind != ErrorKind::NotFound {
            let reasons: Vec<String> = std::iter::once(failure.message).chain(failure.causes).collect();
            let name = &entry.name;
            let message = format!(
                "the repository of {name} cannot be opened: {}",
                reasons.join(": ")
            );
            list.push(Problem::new(target.at, message).with_hint_of(failure.hint));
        }
    }
}
