//! `stonekeep config show`: what counts for each database, and where it comes from.

use std::path::Path;

use clap::{Args, Command};
use serde::Serialize;
use serde_json::json;
use stonekeep::Error;

use crate::commands::Session;
use crate::config::problem::At;
use crate::config::{Config, Entry, Schedule, StoreSetting, Target, parse, place};
use crate::exit::Exit;
use crate::invocation::{Origin, Setting, effective, variables};
use crate::option;
use crate::output::text::{Page, Style, Table};
use crate::usage_error::UsageError;

/// Show what counts for each database, and where it comes from
///
/// Shows the options of every command that are not the built-in ones, from environment variables and from the file. A secret is not shown,
/// but where it is.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The databases [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Also show the options that nothing changes
    #[arg(long)]
    defaults: bool,
}

/// A value with its origin.
#[derive(Debug, Serialize)]
struct Shown {
    /// The command that it is an option of; `None` for what belongs to the database or the repository.
    command: Option<String>,
    name: String,
    values: Vec<String>,
    /// `file`, `variable` or `default`.
    origin: &'static str,
    /// The key of the file, or the variable.
    from: Option<String>,
    #[serde(flatten)]
    at: Option<At>,
}

/// A repository of a database, with what counts for that.
#[derive(Debug, Serialize)]
struct RepositoryJson {
    name: Option<String>,
    location: String,
    settings: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct DatabaseJson {
    name: String,
    path: std::path::PathBuf,
    schedule: Schedule,
    repositories: Vec<RepositoryJson>,
}

pub(super) fn run(args: &ShowArgs, cli: &Command, session: &Session) -> anyhow::Result<Exit> {
    let (config, problems) = parse(place::require(session.config.as_deref())?, cli);
    if !problems.list.is_empty() {
        return Err(UsageError::from(problems).into());
    }
    let entries = entries(&config, &args.names)?;
    let mut databases = Vec::new();
    for entry in &entries {
        databases.push(database(entry, cli, args.defaults || session.output.json)?);
    }
    let document = json!({ "config": config.path, "databases": databases });
    session
        .output
        .data(&document, |page| text(page, &databases, &config.path))?;
    Ok(Exit::Success)
}

fn entries(config: &Config, names: &[String]) -> anyhow::Result<Vec<Entry>> {
    if names.is_empty() {
        return Ok(config.all()?);
    }
    let mut entries = Vec::new();
    for name in names {
        let found = config.named(name)?.ok_or_else(|| {
            let error = Error::not_found(format!(
                "there is no database {name} in {}",
                config.path.display()
            ));
            match config.nearest(name) {
                Some(nearest) => error.with_hint(format!("did you mean {nearest}?")),
                None => error,
            }
        })?;
        entries.extend(found);
    }
    Ok(entries)
}

fn database(entry: &Entry, cli: &Command, has_defaults: bool) -> Result<DatabaseJson, UsageError> {
    let mut repositories = Vec::new();
    for target in &entry.targets {
        let mut settings: Vec<Shown> = target.settings.iter().map(store_setting).collect();
        settings.extend(of_hooks(entry));
        for command in cli
            .get_subcommands()
            .filter(|command| option::takes_a_repository(command))
        {
            settings.extend(of_command(entry, target, (command, cli))?);
            if has_defaults {
                let known: Vec<String> = settings
                    .iter()
                    .filter(|shown| shown.command.as_deref() == Some(command.get_name()))
                    .map(|shown| shown.name.clone())
                    .collect();
                settings.extend(built_in(command, &known));
            }
        }
        repositories.push(RepositoryJson {
            name: target.name.clone(),
            location: target.location.clone(),
            settings,
        });
    }
    Ok(DatabaseJson {
        name: entry.name.clone(),
        path: entry.path.clone(),
        schedule: entry.schedule,
        repositories,
    })
}

/// A setting of the store. A reference is shown as what it refers to.
fn store_setting(setting: &StoreSetting) -> Shown {
    Shown {
        command: None,
        name: format!("store-option.{}", setting.key),
        values: vec![setting.value.shown()],
        origin: "file",
        from: None,
        at: Some(setting.at),
    }
}

fn of_hooks(entry: &Entry) -> Vec<Shown> {
    let hooks = entry.hooks.shown();
    let shown = hooks.into_iter().map(|(name, value)| Shown {
        command: None,
        name: format!("hooks.{name}"),
        values: vec![value],
        origin: "file",
        from: None,
        at: None,
    });
    shown.collect()
}

/// The options of a command that variables and the file give.
fn of_command(
    entry: &Entry,
    target: &Target,
    (command, cli): (&Command, &Command),
) -> Result<Vec<Shown>, UsageError> {
    let path = [command.get_name().to_owned()];
    let (variables, errors) =
        variables::settings((&path, command), cli, |long| long == "repo" || long == "config");
    if !errors.is_empty() {
        return Err(UsageError::new(errors.join("; ")));
    }
    let file = entry.options(Some(target), command.get_name());
    let settings = effective(command, (Vec::new(), false), &variables, &file);
    Ok(settings
        .into_iter()
        .map(|setting| shown(setting, command))
        .collect())
}

fn shown(setting: Setting, command: &Command) -> Shown {
    let is_secret = setting.long.ends_with("store-option");
    let value = |value: &std::ffi::OsString| {
        let text = value.to_string_lossy();
        match text.split_once('=') {
            Some((key, _)) if is_secret => format!("{key}=…"),
            _ => text.into_owned(),
        }
    };
    let (origin, from, at) = match setting.origin {
        Origin::File { key, at } => ("file", Some(key), Some(at)),
        Origin::Variable(name) => ("variable", Some(name), None),
        Origin::CommandLine | Origin::BuiltIn => ("default", None, None),
    };
    Shown {
        command: Some(command.get_name().to_owned()),
        values: setting.values.iter().map(value).collect(),
        name: setting.long,
        origin,
        from,
        at,
    }
}

/// The options that keep their built-in values.
fn built_in(command: &Command, known: &[String]) -> Vec<Shown> {
    let others = option::options(command).filter(|(arg, long)| {
        let is_known = known.iter().any(|known| known == long);
        !is_known && !arg.is_hide_set() && !matches!(*long, "repo" | "store-option" | "all")
    });
    let shown = others.map(|(arg, long)| Shown {
        command: Some(command.get_name().to_owned()),
        name: long.to_owned(),
        values: arg
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy().into_owned())
            .collect(),
        origin: "default",
        from: None,
        at: None,
    });
    shown.collect()
}

fn text(page: &mut Page<'_>, databases: &[DatabaseJson], file: &Path) {
    for (index, database) in databases.iter().enumerate() {
        if index > 0 {
            page.gap();
        }
        page.styled(Style::Strong, &database.name);
        page.line(format!("  {}", database.path.display()));
        for repository in &database.repositories {
            page.line(format!("  in {}", repository.location));
            if repository.settings.is_empty() {
                continue;
            }
            let mut table = Table::new(&["  setting", "value", "from"]);
            for shown in &repository.settings {
                let name = match &shown.command {
                    Some(command) => format!("  {command} --{}", shown.name),
                    None => format!("  {}", shown.name),
                };
                table.row(vec![
                    name.into(),
                    shown.values.join(", ").into(),
                    from(shown, file).into(),
                ]);
            }
            page.table(&table);
        }
    }
}

fn from(shown: &Shown, file: &Path) -> String {
    match (shown.origin, &shown.at, &shown.from) {
        ("variable", _, Some(name)) => name.clone(),
        ("file", Some(at), _) => format!("{}:{}:{}", file.display(), at.line, at.column),
        (origin, ..) => origin.to_owned(),
    }
}
