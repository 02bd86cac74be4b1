//! One backup in several repositories. One that fails does not stop the others.

use serde_json::{Value, json};
use stonekeep::BackupEngine;
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::create::together::{DEFAULT_STALL_LIMIT, create_new_backups};
use stonekeep::image::Directory;

use super::args::BackupArgs;
use super::open::open;
use super::report;
use crate::args::repository::RepoArgs;
use crate::commands::Session;
use crate::exit::Exit;
use crate::output::failure::Failure;
use crate::output::json::error_body;
use crate::output::location::without_secrets;
use crate::output::progress::Watcher;

/// Backs up, or plans to, and prints what became of each repository. The exit code is that of the first failure.
pub(super) fn run(
    args: &BackupArgs,
    source: &Directory,
    session: &Session,
    watcher: &Watcher,
) -> anyhow::Result<Exit> {
    let repos = &args.repositories.all;
    let opened: Vec<anyhow::Result<BackupEngine>> = repos
        .iter()
        .map(|repo| open(args, repo, source, session, watcher))
        .collect();
    let engines: Vec<BackupEngine> = opened.iter().flatten().cloned().collect();
    let mut made = create(args, &engines, source, watcher)?.into_iter();
    let outcomes = opened.into_iter().map(|engine| match engine {
        Ok(_) => made
            .next()
            .unwrap_or_else(|| Err(stonekeep::Error::stopped()))
            .map_err(anyhow::Error::from),
        Err(error) => Err(error),
    });
    print(args, repos, outcomes.collect(), session)
}

fn create(
    args: &BackupArgs,
    engines: &[BackupEngine],
    source: &Directory,
    watcher: &Watcher,
) -> anyhow::Result<Vec<stonekeep::Result<CreateReport>>> {
    let options = args.create_options()?;
    if engines.is_empty() {
        return Ok(Vec::new());
    }
    if args.dry_run {
        let plans = engines
            .iter()
            .map(|engine| engine.plan_new_backup(source, &options, watcher));
        return Ok(plans.collect());
    }
    Ok(create_new_backups(
        engines,
        source,
        &options,
        DEFAULT_STALL_LIMIT,
        watcher,
    )?)
}

fn print(
    args: &BackupArgs,
    repos: &[RepoArgs],
    outcomes: Vec<anyhow::Result<CreateReport>>,
    session: &Session,
) -> anyhow::Result<Exit> {
    let (mut exit, mut documents, mut unprinted) = (Exit::Success, Vec::new(), None);
    for (repo, outcome) in repos.iter().zip(outcomes) {
        let place = without_secrets(&repo.path().display().to_string());
        let document = match outcome {
            Ok(report) if session.output.json => report::document(report, args.dry_run),
            Ok(report) => {
                let document = report::document(report.clone(), args.dry_run);
                let printed = report::print(report, (args, repo), session);
                unprinted = unprinted.or(printed.err());
                document
            }
            Err(error) => {
                let of_error = Exit::of(&error, &session.interrupt);
                if exit == Exit::Success {
                    exit = of_error;
                }
                let mut failure = Failure::new(&error);
                let document = error_body(&failure, of_error.code());
                if !session.output.json {
                    failure.message = format!("{place}: {}", failure.message);
                    session.output.failure(&failure, of_error.code());
                }
                document
            }
        };
        documents.push(with_place(document, &place));
    }
    let document = json!({ "repositories": documents });
    if session.output.json {
        session.output.data(&document, |_| {})?;
    } else if let Some(record) = &session.output.record {
        // It has the document of the last repository.
        record.set(document);
    }
    unprinted.map_or(Ok(exit), |error| Err(error.into()))
}

/// A document of one repository, with its place and its exit code.
fn with_place(document: Value, place: &str) -> Value {
    let code = document["error"]["exit_code"].as_u64().unwrap_or_default();
    let mut body = json!({ "repository": place, "exit_code": code });
    if let (Value::Object(body), Value::Object(document)) = (&mut body, document) {
        body.extend(document);
    }
    body
}
