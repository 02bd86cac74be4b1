//! `stonekeep restore`: puts a backup into a directory, or takes an interrupted restore back.

mod abort;
mod args;
mod report;

use super::Session;
use crate::args::repository;
use crate::exit::Exit;

pub(crate) use args::RestoreArgs;

pub(crate) fn run(args: RestoreArgs, session: &Session) -> anyhow::Result<Exit> {
    let Some(repo) = args.repo.as_deref().filter(|_| !args.abort) else {
        return abort::run(&args, session);
    };
    let engine = repository::open(repo, &args.settings, args.engine_options(session))?;
    let which = args.select.which(&engine, args.backup)?;
    let options = args.restore_options();
    let watcher = session.watch()?;
    let report = if args.dry_run {
        engine.plan_restore(which, &args.to, &options, &watcher)
    } else {
        engine.restore_db_from_backup(which, &args.to, &options, &watcher)
    };
    let report = report?;
    let is_whole = report
        .salvage
        .as_ref()
        .is_none_or(|salvage| salvage.lost.is_empty());
    report::print(report, &args, session)?;
    Ok(if is_whole { Exit::Success } else { Exit::Corrupt })
}
